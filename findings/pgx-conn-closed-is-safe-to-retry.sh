#!/usr/bin/env bash
# pgx 5.12.0 (pgconn): a connection that is lost behind an answered COMMIT is reported as safe to retry.
#
# A server takes "begin; insert ...; commit" as one simple Query, answers all three as done, and the connection is lost
# before it says that it is ready again. MultiResultReader.ReadAll returns the three results, none with an error, and the
# error "conn closed", of which pgconn.SafeToRetry says true: "guaranteed to have occurred before sending any data to the
# server". The statements were sent, and the commit was answered. A program that retries by SafeToRetry inserts twice. Where
# the connection is lost inside a result instead, the error is "unexpected EOF", and it is not safe to retry.
#
# Seen: "results 3, errors in them 0; whole: conn closed (safe to retry: true)"
# Source: pgconn/pgconn.go, MultiResultReader.ReadAll and SafeToRetry of github.com/jackc/pgx/v5 v5.12.0.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
require github.com/jackc/pgx/v5 v5.12.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// serve is a server of one connection: it signs in, takes one query, answers its statements, and is gone.
func serve(l net.Listener, got chan<- string) {
	c, err := l.Accept()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	b := pgproto3.NewBackend(c, c)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		panic(err)
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		panic(err)
	}
	m, err := b.Receive()
	if err != nil {
		panic(err)
	}
	got <- m.(*pgproto3.Query).String
	for _, tag := range []string{"BEGIN", "INSERT 0 1", "COMMIT"} {
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	}
	if err := b.Flush(); err != nil {
		panic(err)
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	got := make(chan string, 1)
	go serve(l, got)
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, "postgres://u@"+l.Addr().String()+"/d?sslmode=disable")
	if err != nil {
		panic(err)
	}
	results, err := conn.Exec(ctx, "begin; insert into t values (1); commit").ReadAll()
	fmt.Println("sent:", <-got)
	failed := 0
	for _, r := range results {
		if r.Err != nil {
			failed++
		}
	}
	fmt.Printf("results %d, errors in them %d; whole: %v (safe to retry: %t)\n", len(results), failed, err, pgconn.SafeToRetry(err))
}
GO
go mod tidy > /dev/null 2>&1
out=$(go run .)
echo "$out"
grep -qF 'sent: begin; insert into t values (1); commit' <<< "$out"
grep -qF 'results 3, errors in them 0; whole: conn closed (safe to retry: true)' <<< "$out"
