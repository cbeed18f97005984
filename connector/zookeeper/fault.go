package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// fault is an error as people meet it. began: a multi of a Move may have been sent, so that an error that is no
// answer of the server leaves the outcome unknown.
func (c Config) fault(err error, began bool) error {
	var unsent *errUnsent
	if errors.As(err, &unsent) {
		began = false
	}
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*fencepost.UserError](err); ours {
		return err
	}
	switch {
	case errors.Is(err, zk.ErrNoServer): // it was taken out of the queue unsent
		return c.silent(err)
	case errors.Is(err, zk.ErrNoAuth), errors.Is(err, zk.ErrAuthFailed), errors.Is(err, zk.ErrInvalidACL):
		return c.denied(err)
	case errors.Is(err, zk.ErrShortBuffer):
		return tooLarge(c.MaxPacket+1, c.MaxPacket)
	case errors.Is(err, errClosed) && !began:
		return fmt.Errorf("zookeeper: %w", err)
	case began && !answered(err):
		return fmt.Errorf("%w: zookeeper at %s: %w", ledger.ErrUnknown, c.where(), err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !answered(err):
		return c.silent(err)
	}
	return &fencepost.UserError{Code: "zookeeper-error", Err: fmt.Errorf("zookeeper at %s: %w", c.where(), err), Exit: 1}
}

// answered reports whether an error is the server's own word that it refused the request. Its codes of -100 and below
// are; those above it has when it failed itself.
func answered(err error) bool {
	for _, known := range []error{zk.ErrAPIError, zk.ErrNoNode, zk.ErrNoAuth, zk.ErrBadVersion, zk.ErrNodeExists, zk.ErrNotEmpty, zk.ErrInvalidACL,
		zk.ErrBadArguments, zk.ErrNoChildrenForEphemerals, zk.ErrInvalidPath} {
		if errors.Is(err, known) {
			return true
		}
	}
	_, code, ok := strings.Cut(err.Error(), "unknown error: ") // as the library says a code that it does not know
	n, bad := strconv.Atoi(code)
	return ok && bad == nil && n <= -100
}

// conflict reports whether a multi was refused because something else changed: nothing happened.
func conflict(err error) bool {
	return errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNodeExists) || errors.Is(err, zk.ErrNoNode)
}

func (c Config) where() string { return strings.Join(c.Servers, ",") }

// silent is the UserError of servers that do not answer.
func (c Config) silent(err error) error {
	return &fencepost.UserError{Code: "zookeeper-silent", Err: fmt.Errorf("zookeeper at %s: %w", c.where(), err), Exit: 1, Passing: true,
		Help: "is it running there? zkCli.sh -server " + c.where() + " ls /"}
}

// denied is the UserError of a node that is not for this user.
func (c Config) denied(err error) error {
	f := &fencepost.UserError{Code: "zookeeper-denied", Exit: 1,
		Err:  fmt.Errorf("zookeeper at %s: user %s may not do that: %w", c.where(), c.User, err),
		Help: "mend user and password, or let the node's owner run: setAcl " + c.Root + " auth:" + c.User + ":cdrwa"}
	if c.User == "" {
		f.Err = fmt.Errorf("zookeeper at %s: it wants a user: %w", c.where(), err)
		f.Help = "give user and password, or let the node's owner run: setAcl " + c.Root + " world:anyone:cdrwa"
	}
	return f
}

// damaged is the UserError of a node that holds what no program of these formats wrote.
func damaged(path string, err error) error {
	return &fencepost.UserError{Code: "zookeeper-damaged", Err: fmt.Errorf("node %s: %w", path, err), Exit: 1,
		Help: "look at it with zkCli.sh: get " + path + "; another program may use this root: take another one"}
}

// tooLarge is the UserError of a Move that does not fit into one request.
func tooLarge(size, most int) error {
	return &fencepost.UserError{Code: "zookeeper-too-large", Exit: 1,
		Err:  fmt.Errorf("the moves take %d bytes, and a request to the server %d at most: they are made in one request or not at all", size, most),
		Help: "use more lanes or smaller batches, a shorter root, or raise jute.maxbuffer on all servers and name it here"}
}

// busy is the UserError of a Move that was overtaken again and again. Nothing happened.
func (c Config) busy(tries int) error {
	return &fencepost.UserError{Code: "zookeeper-busy", Passing: true,
		Err: fmt.Errorf("zookeeper at %s: other workers changed the group %d times under one move", c.where(), tries)}
}
