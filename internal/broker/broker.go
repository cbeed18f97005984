package broker

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/fencepost/fencepost/internal/listen"
)

// Broker is a running broker. Its methods may be called from any goroutine.
type Broker struct {
	cluster   *kfake.Cluster
	folder    *folder
	journal   *journal
	addr      string
	clusterID string
	close     func() error // once
}

// Start claims the folder, listens, loads what is there and serves. When it returns, clients can connect.
//
// The error is a *UserError whenever the machine is the reason (port, folder, disk, version); otherwise it names fields of the
// Config. After an error nothing is left listening or locked.
func Start(cfg Config) (*Broker, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	address, err := cfg.address()
	if err != nil {
		return nil, err
	}
	folder, err := claim(cfg.Dir)
	if err != nil {
		return nil, err
	}
	b, err := serve(cfg, address, folder)
	if err != nil {
		return nil, errors.Join(err, folder.release())
	}
	return b, nil
}

// serve starts kfake on a claimed folder; after an error the folder is still claimed, and nothing listens.
func serve(cfg Config, address string, folder *folder) (*Broker, error) {
	listener, err := listenAt(address)
	if err != nil {
		return nil, err
	}
	journal := newJournal(cfg.Dir, cfg.Log)
	cluster, err := kfake.NewCluster(cfg.options(listener, newClusterID(), journal)...)
	if err != nil {
		return nil, errors.Join(folderFault(cfg.Dir, err), ignoreClosed(listener.Close()))
	}
	b := &Broker{cluster: cluster, folder: folder, journal: journal, addr: listener.Addr().String()}
	b.close = sync.OnceValue(b.shutdown)
	meta, err := folder.meta()
	if err == nil {
		err = folder.forgetWindows()
	}
	if err != nil {
		cluster.Close()
		return nil, folderFault(cfg.Dir, err)
	}
	b.clusterID = meta.ClusterID
	return b, nil
}

func listenAt(address string) (net.Listener, error) {
	listener, err := listen.Open("tcp4", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, listen.ErrInUse):
		host, _, _ := net.SplitHostPort(address)
		return nil, &Fault{
			Code: PortInUse, Subject: address, Why: "another program listens there; nothing was changed",
			Help: "stop it, or --listen " + net.JoinHostPort(host, "0") + " for a free port", Err: err,
		}
	}
	return nil, &Fault{
		Code: ListenRefused, Subject: address, Why: "the system does not let us listen there; nothing was changed",
		Help: "--listen 127.0.0.1:0 for a free port", Err: err,
	}
}

// newClusterID is 22 characters, as Kafka makes them: 16 random bytes, base64url without padding.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails, says its documentation
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is HOST:PORT where clients reach the broker, the port never 0.
func (b *Broker) Addr() string { return b.addr }

// ClusterID is the folder's identity: the same after each start, another in each folder.
func (b *Broker) ClusterID() string { return b.clusterID }

// Faults receives the first failed write to the folder, code disk-full or folder-not-writable; it is never closed. From then
// on producers may be refused. The broker goes on, and stores again once it can; but its owner should end it at once, for a
// producer that sends a refused batch again is acknowledged, and the batch is not stored (franz-go's does not send again).
func (b *Broker) Faults() <-chan *Fault { return b.journal.faults }

// Close ends the connections, saves what a kill would lose and gives the folder back. The error says that saving
// failed: the next Start then finds the folder as after a kill. Any further call returns the same.
//
// It waits for the request that is being served, without a deadline: those take milliseconds.
func (b *Broker) Close() error { return b.close() }

func (b *Broker) shutdown() error {
	b.cluster.Close()
	err := b.journal.failure()
	if err != nil {
		err = folderFault(b.folder.dir, err)
	}
	return errors.Join(err, b.folder.release())
}
