// Client streaming: publish the lines of a file, each exactly once, whatever breaks.
//
//	go run ./publish -producer readme docs/readme ../../README.md
//
// Run it again, or after it was killed: it goes on where it was. Lines that were added to the file are published; a file
// that begins differently is refused.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"example.com/leat/leat"
	pb "example.com/leat/leatv1"
)

const (
	// One message of a call is one batch, which is committed whole or not at all. The service takes up to 1 MiB.
	batchEvents, batchBytes = 1_000, 256 << 10
	// The service answers a call at its end, when all of it is on disk. What is not answered must be kept for another
	// try, so a call ends after so many bytes or this time, and the next one begins.
	callBytes, callTime = 4 << 20, time.Second

	unaryDeadline, callDeadline = 5 * time.Second, time.Minute
)

func main() {
	name := flag.String("producer", "", "`name` under which the service keeps how far it is")
	flag.Parse()
	leat.Run(func(ctx context.Context, conn *grpc.ClientConn) error {
		if flag.NArg() != 2 || *name == "" {
			return leat.ErrUsage("publish -producer NAME TOPIC FILE")
		}
		file, err := os.Open(flag.Arg(1))
		if err != nil {
			return err
		}
		defer file.Close()
		return publish(ctx, &producer{events: pb.NewEventServiceClient(conn), topic: flag.Arg(0), id: *name}, file)
	})
}

func publish(ctx context.Context, producer *producer, file io.Reader) error {
	durable, err := producer.lastSequence(ctx)
	if err != nil {
		return err
	}
	// The last line that is there is sent again. It is not added again, but compared: another file is refused.
	lines := &lineReader{reader: bufio.NewReaderSize(file, 1<<20)}
	for lines.count < durable-1 && lines.next() {
	}
	for lines.err == nil {
		batches := readCall(lines, producer)
		if err := producer.send(ctx, batches); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d lines are on disk\n", lines.count)
	}
	if lines.err != io.EOF {
		return lines.err
	}
	if lines.count < durable {
		return fmt.Errorf("%d lines were published under this name, and the file has %d: is it another one?", durable, lines.count)
	}
	return nil
}

// What one call sends: a list, because that is what another try needs.
func readCall(lines *lineReader, producer *producer) []*pb.PublishEventsRequest {
	var batches []*pb.PublishEventsRequest
	began, size := time.Now(), 0
	for size < callBytes && time.Since(began) < callTime {
		batch := readBatch(lines, producer)
		if len(batch.Events) == 0 {
			break
		}
		batches = append(batches, batch)
		size += proto.Size(batch)
	}
	return batches
}

func readBatch(lines *lineReader, producer *producer) *pb.PublishEventsRequest {
	batch := producer.batch(lines.count + 1)
	for size := 0; size < batchBytes && len(batch.Events) < batchEvents && lines.next(); {
		batch.Events = append(batch.Events, &pb.Event{Type: "line", Payload: &pb.Event_Text{Text: lines.text}})
		size += len(lines.text)
	}
	return batch
}

// A producer numbers the events of one author on one topic: 1, 2, 3 and so on. The service keeps the last number, and
// adds what it has already no second time. Here the number is the line's number in the file.
type producer struct {
	events pb.EventServiceClient
	topic  string
	id     string
}

// How many lines are on disk. Waits while the service is away.
func (p *producer) lastSequence(ctx context.Context) (int64, error) {
	request := &pb.GetProducerRequest{Topic: p.topic, ProducerId: p.id}
	response, err := leat.UntilAnswered(ctx, leat.Forever, func(wait grpc.CallOption) (*pb.GetProducerResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, unaryDeadline)
		defer cancel()
		return p.events.GetProducer(ctx, request, wait)
	})
	if opened, ok := leat.ReadCallError(err); ok && opened.Reason == "PRODUCER_NOT_FOUND" {
		return 0, nil
	}
	return response.GetLastSequence(), err
}

func (p *producer) batch(firstSequence int64) *pb.PublishEventsRequest {
	position := &pb.ProducerPosition{ProducerId: p.id, FirstSequence: firstSequence}
	return &pb.PublishEventsRequest{Topic: p.topic, Producer: position}
}

// Returns nil when all batches are on disk.
func (p *producer) send(ctx context.Context, batches []*pb.PublishEventsRequest) error {
	for attempt := 0; len(batches) > 0; {
		err := p.call(ctx, batches, grpc.WaitForReady(attempt > 0))
		if err == nil || !leat.MayTryAgain(ctx, err) {
			return err
		}
		attempt++
		if err := leat.Pause(ctx, attempt, err); err != nil {
			return err
		}
		// Nobody said what became of the batches, so ask. To send all of them again would be harmless, only slower.
		durable, err := p.lastSequence(ctx)
		if err != nil {
			return err
		}
		for len(batches) > 0 && lastSequenceOf(batches[0]) <= durable {
			batches = batches[1:]
		}
	}
	return nil
}

func (p *producer) call(ctx context.Context, batches []*pb.PublishEventsRequest, wait grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	stream, err := p.events.PublishEvents(ctx, wait)
	if err != nil {
		return err
	}
	for _, batch := range batches {
		err := stream.Send(batch)
		if errors.Is(err, io.EOF) {
			break // The call has failed; why is told by its answer.
		}
		if err != nil {
			return err
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

func lastSequenceOf(batch *pb.PublishEventsRequest) int64 {
	return batch.GetProducer().GetFirstSequence() + int64(len(batch.GetEvents())) - 1
}

// Reads lines of any length, and counts them.
type lineReader struct {
	reader *bufio.Reader
	text   string
	count  int64
	err    error
}

func (l *lineReader) next() bool {
	if l.err != nil {
		return false
	}
	line, err := l.reader.ReadBytes('\n')
	l.err = err
	if err != nil && (err != io.EOF || len(line) == 0) {
		return false
	}
	l.text = string(bytes.TrimRight(line, "\r\n"))
	l.count++
	return true
}
