// Package sdnotify tells a service manager what this process does, by the protocol of systemd's sd_notify(3).
//
//	Open(environment) --> Manager, or none --Send("READY=1", "STATUS=...")--> one datagram to $NOTIFY_SOCKET
//
// # Why
//
// A unit of Type=notify is started once READY=1 has come, and not once the process is there; with WatchdogSec= it is ended, and started
// again, once WATCHDOG=1 stays away. The protocol is one datagram of lines: it needs no library, and no systemd to build or to test.
//
// # How it fails
//
// Open fails where the socket that is named cannot be reached; without $NOTIFY_SOCKET there is no manager, and nothing fails. Send fails
// as a write does. Both are the caller's to log: a worker runs as well without being watched.
//
// # What it does not do
//
// It decides nothing of what is said when, and starts no goroutine. It knows neither file descriptor stores nor socket activation.
package sdnotify
