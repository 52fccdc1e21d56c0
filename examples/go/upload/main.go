// Client streaming: upload a file of any size, and go on after whatever breaks.
//
//	go run ./upload -type video/mp4 video.mp4
//
// Prints the id of the blob. Run it again, or after it was killed: it goes on where it was. The id is made of the file's
// SHA-256, so it is the same for the same file, whatever it is called, and an upload that is finished is found.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"example.com/leat/leat"
	pb "example.com/leat/leatv1"
)

const (
	// One frame. The service takes up to 1 MiB; larger ones are no faster.
	chunkBytes = 256 << 10
	// How often the service is asked how much is on disk.
	progressInterval = 500 * time.Millisecond

	unaryDeadline = 5 * time.Second
)

func main() {
	contentType := flag.String("type", "application/octet-stream", "media `type`")
	flag.Parse()
	leat.Run(func(ctx context.Context, conn *grpc.ClientConn) error {
		if flag.NArg() != 1 {
			return leat.ErrUsage("upload [-type TYPE] FILE")
		}
		file, err := os.Open(flag.Arg(0))
		if err != nil {
			return err
		}
		defer file.Close()
		upload, err := newUpload(pb.NewUploadServiceClient(conn), file, *contentType)
		if err != nil {
			return err
		}
		if err := upload.send(ctx); err != nil {
			return err
		}
		fmt.Println(upload.start.GetUploadId())
		return nil
	})
}

// One file on its way to the service, over as many calls as it takes.
type upload struct {
	uploads pb.UploadServiceClient
	file    *os.File
	start   *pb.UploadStart
	finish  *pb.UploadFinish
}

func newUpload(uploads pb.UploadServiceClient, file *os.File, contentType string) (*upload, error) {
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return nil, err
	}
	sum := digest.Sum(nil)
	start := &pb.UploadStart{
		UploadId:    fmt.Sprintf("sha256-%x", sum),
		Name:        filepath.Base(file.Name()),
		ContentType: contentType,
		Size:        proto.Int64(size),
	}
	return &upload{uploads, file, start, &pb.UploadFinish{Size: proto.Int64(size), Sha256: sum}}, nil
}

// Returns nil when the file is a blob.
func (u *upload) send(ctx context.Context) error {
	for attempt, best := 0, int64(0); ; {
		durable, complete, err := u.find(ctx)
		if err != nil {
			return err
		}
		u.tell(durable)
		if complete {
			return nil
		}
		// Whoever gets further is not stuck, however often the connection breaks.
		if durable > best {
			attempt, best = 0, durable
		}
		err = u.call(ctx, durable)
		if err == nil {
			continue
		}
		if !leat.MayTryAgain(ctx, err) {
			return err
		}
		attempt++
		if err := leat.Pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}

// How many bytes are on disk, and whether that is the blob by now. Waits while the service is away.
func (u *upload) find(ctx context.Context) (int64, bool, error) {
	request := &pb.GetUploadRequest{UploadId: u.start.GetUploadId()}
	found, err := leat.UntilAnswered(ctx, leat.Forever, func(wait grpc.CallOption) (*pb.GetUploadResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, unaryDeadline)
		defer cancel()
		return u.uploads.GetUpload(ctx, request, wait)
	})
	if opened, ok := leat.ReadCallError(err); ok && opened.Reason == "UPLOAD_NOT_FOUND" {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if blob := found.GetBlob(); blob != nil && !bytes.Equal(blob.GetSha256(), u.finish.GetSha256()) {
		return 0, false, fmt.Errorf("%s is a blob already, of another file", u.start.GetUploadId())
	}
	return found.GetUpload().GetCommittedSize(), found.GetBlob() != nil, nil
}

// One call: start, what is not on disk yet, finish.
func (u *upload) call(ctx context.Context, offset int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // Whoever stops here stops the service's work, and the watching, too.
	stream, err := u.uploads.UploadChunks(ctx, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	go u.watch(ctx)
	// The call has failed if that is io.EOF; why is told by its answer.
	if err := u.sendFrames(stream, offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

func (u *upload) sendFrames(stream pb.UploadService_UploadChunksClient, offset int64) error {
	start := &pb.UploadChunksRequest{Frame: &pb.UploadChunksRequest_Start{Start: u.start}}
	if err := stream.Send(start); err != nil {
		return err
	}
	for size := u.start.GetSize(); offset < size; {
		// gRPC may look at a message after Send has returned, so each has its own bytes.
		data := make([]byte, min(chunkBytes, size-offset))
		if _, err := u.file.ReadAt(data, offset); err != nil {
			return fmt.Errorf("the file became shorter: %w", io.ErrUnexpectedEOF)
		}
		chunk := &pb.UploadChunk{Offset: offset, Data: data}
		if err := stream.Send(&pb.UploadChunksRequest{Frame: &pb.UploadChunksRequest_Chunk{Chunk: chunk}}); err != nil {
			return err
		}
		offset += int64(len(data))
	}
	// Only this makes a blob; a stream that merely ends never does. The service compares size and digest.
	return stream.Send(&pb.UploadChunksRequest{Frame: &pb.UploadChunksRequest_Finish{Finish: u.finish}})
}

// Tells how much is on disk while a call sends more.
func (u *upload) watch(ctx context.Context) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if durable, _, err := u.find(ctx); err == nil {
				u.tell(durable)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (u *upload) tell(durable int64) {
	percent := int64(100)
	if size := u.start.GetSize(); size > 0 {
		percent = 100 * durable / size
	}
	fmt.Fprintf(os.Stderr, "%d bytes are on disk (%d %%)\n", durable, percent)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
