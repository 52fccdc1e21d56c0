// Bidirectional streaming: talk in a room, and go on after whatever breaks.
//
//	go run ./chat -name ada lobby                              from the terminal, until Ctrl-C or Ctrl-D
//	echo 'the build is green' | go run ./chat -name ci lobby   from a pipe
//
// Prints what is said, in the one order that all see, each message once: its author, a tab, its text. Sends the lines of
// the standard input, each stored once, and ends when they have ended and all of them are on disk.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"example.com/leat/leat"
	pb "example.com/leat/leatv1"
)

// Lines that are sent and not on disk yet. The service reads on while no more than 256 answers wait for us, so with
// fewer on their way sending never waits for receiving.
const maxPending = 100

func main() {
	name := flag.String("name", "", "who `you` are")
	flag.Parse()
	leat.Run(func(ctx context.Context, conn *grpc.ClientConn) error {
		if flag.NArg() != 1 || *name == "" {
			return leat.ErrUsage("chat -name NAME ROOM")
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "leat-user", *name)
		talk := &talk{chat: pb.NewChatServiceClient(conn), room: flag.Arg(0), session: newID(), lines: readLines(os.Stdin)}
		return talk.goOn(ctx)
	})
}

// What has to be remembered from one stream to the next.
type talk struct {
	chat pb.ChatServiceClient
	room string
	// The same on every stream: within the grace period nobody sees us go and come.
	session string
	// Where to go on in the room; nil before one is in.
	start *pb.Start
	// What is said; closed at its end.
	lines <-chan string
	// Sent, and not on disk yet. Their ids make it harmless to send them again.
	pending []*pb.Event
}

// Talks over as many streams as it takes. Returns nil when all was said and is on disk.
func (t *talk) goOn(ctx context.Context) error {
	for attempt := 0; ; {
		err := t.converse(ctx, attempt > 0, func() { attempt = 0 })
		if err == nil {
			return nil
		}
		if err != io.EOF && !leat.MayTryAgain(ctx, err) {
			return err
		}
		attempt++
		if err := leat.Pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// One stream. Returns the error that ended it, io.EOF if it just ended.
func (t *talk) converse(ctx context.Context, wait bool, alive func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := t.chat.Chat(ctx, grpc.WaitForReady(wait))
	if err != nil {
		return err
	}
	responses := make(chan *pb.ChatResponse)
	failed := make(chan error, 1)
	go receive(ctx, stream, responses, failed)
	// A failed send returns io.EOF; why is told to the receiver.
	if t.greet(stream) != nil {
		return <-failed
	}
	for closing := false; ; {
		lines := t.lines
		if len(t.pending) >= maxPending {
			lines = nil
		}
		select {
		case line, more := <-lines:
			if !more {
				t.lines = nil
			} else if t.say(stream, line) != nil {
				return <-failed
			}
		case response := <-responses:
			alive()
			if err := t.hear(response); err != nil {
				return err
			}
		case err := <-failed:
			if closing {
				return nil
			}
			return err
		}
		if t.lines == nil && len(t.pending) == 0 && !closing {
			// The service takes us out of the room, and ends the stream.
			closing = true
			stream.CloseSend()
		}
	}
}

// The only one who receives. Hands on what comes, and last what ended the stream.
func receive(ctx context.Context, stream pb.ChatService_ChatClient, responses chan<- *pb.ChatResponse, failed chan<- error) {
	for {
		response, err := stream.Recv()
		if err != nil {
			failed <- err
			return
		}
		select {
		case responses <- response:
		case <-ctx.Done():
			return
		}
	}
}

// Enters the room where the last stream was, and says again what may not have been heard.
func (t *talk) greet(stream pb.ChatService_ChatClient) error {
	hello := &pb.Hello{SessionId: t.session}
	if err := stream.Send(&pb.ChatRequest{Frame: &pb.ChatRequest_Hello{Hello: hello}}); err != nil {
		return err
	}
	join := &pb.JoinRoom{Room: t.room, Start: t.start}
	if err := stream.Send(&pb.ChatRequest{Frame: &pb.ChatRequest_Join{Join: join}}); err != nil {
		return err
	}
	for _, message := range t.pending {
		if err := t.send(stream, message); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) say(stream pb.ChatService_ChatClient, line string) error {
	message := &pb.Event{Id: newID(), Payload: &pb.Event_Text{Text: line}}
	t.pending = append(t.pending, message)
	return t.send(stream, message)
}

func (t *talk) send(stream pb.ChatService_ChatClient, message *pb.Event) error {
	send := &pb.SendToRoom{Room: t.room, Message: message}
	return stream.Send(&pb.ChatRequest{Frame: &pb.ChatRequest_Send{Send: send}})
}

func (t *talk) hear(response *pb.ChatResponse) error {
	switch frame := response.GetFrame().(type) {
	case *pb.ChatResponse_Joined:
		// Should the stream break before the first page, the next one begins where this one did.
		t.start = &pb.Start{Position: &pb.Start_ResumeToken{ResumeToken: frame.Joined.GetResumeToken()}}
	case *pb.ChatResponse_Messages:
		for _, record := range frame.Messages.GetRecords() {
			fmt.Printf("%s\t%s\n", record.GetAuthor(), record.GetEvent().GetText())
		}
		t.start = &pb.Start{Position: &pb.Start_ResumeToken{ResumeToken: frame.Messages.GetResumeToken()}}
	case *pb.ChatResponse_Delivered:
		for _, delivery := range frame.Delivered.GetDeliveries() {
			t.delivered(delivery.GetMessageId())
		}
	case *pb.ChatResponse_Problem:
		return fmt.Errorf("%s: %s", frame.Problem.GetReason(), frame.Problem.GetMessage())
	}
	// Presence, live state and heartbeats are of no interest here.
	return nil
}

func (t *talk) delivered(id string) {
	for index, message := range t.pending {
		if message.GetId() == id {
			t.pending = append(t.pending[:index], t.pending[index+1:]...)
			return
		}
	}
}

func readLines(input io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(input); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

func newID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err) // The system has no randomness.
	}
	return fmt.Sprintf("%x", id)
}
