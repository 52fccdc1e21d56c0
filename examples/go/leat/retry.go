package leat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"time"

	"google.golang.org/grpc"
)

// Forever is a number of attempts.
const Forever = -1

// UntilAnswered repeats a call while the way to the service is broken. Only for calls that are harmless to repeat.
//
// The first try fails at once if nobody is there, so that a wrong address is told; the others wait for the connection,
// and start the moment it is back.
func UntilAnswered[T any](ctx context.Context, attempts int, call func(grpc.CallOption) (T, error)) (T, error) {
	for attempt := 0; ; {
		answer, err := call(grpc.WaitForReady(attempt > 0))
		if err == nil {
			return answer, nil
		}
		attempt++
		if attempt == attempts || !MayTryAgain(ctx, err) {
			return answer, err
		}
		if err := Pause(ctx, attempt, err); err != nil {
			return answer, err
		}
	}
}

// MayTryAgain is false once ctx has ended: what a call returns then looks like a broken connection.
func MayTryAgain(ctx context.Context, err error) bool {
	opened, ok := ReadCallError(err)
	return ok && ctx.Err() == nil && opened.Transient()
}

// Pause waits before try number attempt, from 1: doubling from 0.1 to 5 seconds, and what the service asks for. Half of
// it is chance, so that the clients of a server that comes back do not come back all at once.
func Pause(ctx context.Context, attempt int, err error) error {
	backoff := 5 * time.Second
	if attempt <= 6 {
		backoff = 100 * time.Millisecond << (attempt - 1)
	}
	delay := backoff/2 + time.Duration(rand.Int63n(int64(backoff/2)))
	if opened, ok := ReadCallError(err); ok && opened.RetryAfter != nil {
		delay += *opened.RetryAfter
	}
	if err == io.EOF {
		err = errors.New("the stream ended before its end")
	}
	fmt.Fprintf(os.Stderr, "%v; again in %.1f s\n", err, delay.Seconds())
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
