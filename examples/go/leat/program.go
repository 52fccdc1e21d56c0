package leat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"google.golang.org/grpc"
)

// Run connects to the service, 127.0.0.1:50051 or what LEAT_ADDRESS says, and runs a program until it or Ctrl-C ends
// it. Exit codes: 0 done, 1 refused or failed, 130 Ctrl-C.
func Run(program func(ctx context.Context, conn *grpc.ClientConn) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := connected(ctx, program)
	switch {
	case err == nil:
		return
	case ctx.Err() != nil:
		os.Exit(130)
	}
	if opened, ok := ReadCallError(err); ok {
		err = opened
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func connected(ctx context.Context, program func(context.Context, *grpc.ClientConn) error) error {
	address := os.Getenv("LEAT_ADDRESS")
	if address == "" {
		address = "127.0.0.1:50051"
	}
	conn, err := Connect(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return program(ctx, conn)
}

// ErrUsage is for arguments that make no sense.
func ErrUsage(usage string) error {
	return errors.New("usage: " + usage)
}
