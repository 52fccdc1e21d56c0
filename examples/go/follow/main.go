// Server streaming: read a topic, and go on after whatever breaks.
//
//	go run ./follow docs/protocol                                  what is there now
//	go run ./follow -live -checkpoint protocol.pos docs/protocol   and what comes; goes on there next time
//
// Prints one event a line: its offset, a tab, its text.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"google.golang.org/grpc"

	"example.com/leat/leat"
	pb "example.com/leat/leatv1"
)

func main() {
	live := flag.Bool("live", false, "stay, and print what comes")
	checkpoint := flag.String("checkpoint", "", "keep the position in this `file`, and go on from it")
	flag.Parse()
	leat.Run(func(ctx context.Context, conn *grpc.ClientConn) error {
		if flag.NArg() != 1 {
			return leat.ErrUsage("follow [-live] [-checkpoint FILE] TOPIC")
		}
		token, err := load(*checkpoint)
		if err != nil {
			return err
		}
		return follow(ctx, pb.NewEventServiceClient(conn), flag.Arg(0), *live, token, func(page *pb.ListEventsResponse) error {
			// First the work, then the position: whoever is killed in between does the page again when it starts
			// again. That is "at least once"; offsets tell what was done already.
			if err := write(page.GetRecords()); err != nil {
				return err
			}
			return save(*checkpoint, page.GetResumeToken())
		})
	})
}

// Calls handle with pages: each event of the topic once, in order, over as many calls as it takes. Goes on after token,
// if there is one. Ends at the topic's end as it was at first, or never if live.
func follow(
	ctx context.Context,
	events pb.EventServiceClient,
	topic string,
	live bool,
	token string,
	handle func(*pb.ListEventsResponse) error,
) error {
	request := &pb.ListEventsRequest{Topic: topic, Follow: live}
	goOnAfter(token, request)
	attempt, complete := 0, false
	for {
		err := read(ctx, events, request, attempt > 0, func(page *pb.ListEventsResponse) error {
			attempt = 0
			if err := handle(page); err != nil {
				return err
			}
			goOnAfter(page.GetResumeToken(), request)
			if !live && request.End == nil {
				// "What is there now" means at the first call. Asked again later, the service would take a later end.
				request.End = &pb.ListEventsRequest_BeforeOffset{BeforeOffset: page.GetHeadOffset() + 1}
			}
			complete = page.GetState() == pb.TailState_TAIL_STATE_COMPLETE
			return nil
		})
		if complete {
			return nil
		}
		// Without TAIL_STATE_COMPLETE a stream was cut, even if gRPC says OK: some proxy may have ended it politely.
		if err != io.EOF && !leat.MayTryAgain(ctx, err) {
			return err
		}
		attempt++
		if err := leat.Pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// One call. Returns the error that ended it, io.EOF if it just ended.
func read(
	ctx context.Context,
	events pb.EventServiceClient,
	request *pb.ListEventsRequest,
	wait bool,
	handle func(*pb.ListEventsResponse) error,
) error {
	// No deadline: a feed may be quiet for hours. The service sends an empty page every 15 seconds.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Whoever stops reading stops the service's work, too.
	stream, err := events.ListEvents(ctx, request, grpc.WaitForReady(wait))
	if err != nil {
		return err
	}
	for {
		page, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := handle(page); err != nil {
			return err
		}
	}
}

func goOnAfter(token string, request *pb.ListEventsRequest) {
	if token != "" {
		request.Start = &pb.Start{Position: &pb.Start_ResumeToken{ResumeToken: token}}
	}
}

func write(records []*pb.EventRecord) error {
	out := bufio.NewWriter(os.Stdout)
	for _, record := range records {
		text := record.GetEvent().GetText()
		if text == "" {
			text = string(record.GetEvent().GetData())
		}
		fmt.Fprintf(out, "%d\t%s\n", record.GetOffset(), text)
	}
	return out.Flush()
}

func load(checkpoint string) (string, error) {
	if checkpoint == "" {
		return "", nil
	}
	token, err := os.ReadFile(checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(token), err
}

func save(checkpoint, token string) error {
	if checkpoint == "" {
		return nil
	}
	// In a file of its own first: a process that is killed leaves the old position or the new one, never half of one.
	if err := os.WriteFile(checkpoint+".new", []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(checkpoint+".new", checkpoint)
}
