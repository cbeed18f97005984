package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run starts a Kafka broker, a Postgres, a MariaDB, a Redis and a ZooKeeper server side by side, runs
// command with their addresses in its environment, stops them, and returns the
// command's exit code. SIGINT and SIGTERM go on to the command; its end is
// still waited for. Cancelling ctx interrupts the start only.
func Run(ctx context.Context, command []string, out io.Writer) (code int, err error) {
	k, err := openKit()
	if err != nil {
		return 1, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	began := time.Now()
	var kafka, postgres, redis, mariadb, zookeeper string
	var servers [5]*instance
	defer func() {
		for _, server := range servers {
			if server != nil {
				err = errors.Join(err, server.discard())
			}
		}
	}()
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	group, starting := errgroup.WithContext(starting)
	group.Go(func() (err error) {
		kafka, servers[0], err = launch(starting, k.newKafka)
		return err
	})
	group.Go(func() (err error) {
		postgres, servers[1], err = launch(starting, k.newPostgres)
		return err
	})
	group.Go(func() (err error) {
		redis, servers[2], err = launch(starting, k.newRedis)
		return err
	})
	group.Go(func() (err error) {
		mariadb, servers[3], err = launch(starting, k.newMariaDB)
		return err
	})
	group.Go(func() (err error) {
		zookeeper, servers[4], err = launch(starting, k.newZooKeeper)
		return err
	})
	started := make(chan error, 1)
	go func() { started <- group.Wait() }()
	select {
	case err := <-started:
		if err != nil {
			return 1, err
		}
	case s := <-signals:
		cancel()
		return 1, errors.Join(fmt.Errorf("start servers: %v", s), <-started)
	}
	broker := net.JoinHostPort(kafka, portPlaintext)
	dsn := postgresAt(postgres, k.tls()).DSN("postgres")
	fmt.Fprintf(out, "servers: Kafka at %s, Postgres at %s, MariaDB at %s, Redis at %s, ZooKeeper at %s, after %v\n",
		broker, net.JoinHostPort(postgres, portPostgres), net.JoinHostPort(mariadb, portMariaDB), redisAt(redis, k.tls()).Addr(),
		zooKeeperAt(zookeeper).Addr(), time.Since(began).Round(time.Millisecond))

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), EnvKafka+"="+broker, EnvPostgres+"="+dsn, EnvRedis+"="+redisAt(redis, k.tls()).Addr(),
		EnvMariaDB+"="+mariaDBAt(mariadb).DSN(""), EnvZooKeeper+"="+zooKeeperAt(zookeeper).Addr())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return supervise(cmd, signals)
}

// supervise runs cmd to its end and hands signals on to it.
func supervise(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	if err := cmd.Start(); err != nil {
		return 127, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			// An error means that it has just ended, which Wait reports.
			_ = cmd.Process.Signal(s)
		case err := <-ended:
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return exitCode(exit), nil
			}
			return cmd.ProcessState.ExitCode(), err
		}
	}
}

// exitCode is the code a shell would report: 128 and the signal's number for a
// command that a signal ended.
func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
