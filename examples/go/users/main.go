// Unary calls: create and read users.
//
//	go run ./users create ada "Ada Lovelace" ada@example.com
//	go run ./users get ada@example.com
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"example.com/leat/leat"
	pb "example.com/leat/leatv1"
)

const (
	// Without a deadline a call to a server that hangs never ends.
	deadline = 5 * time.Second
	attempts = 5
)

func main() {
	leat.Run(func(ctx context.Context, conn *grpc.ClientConn) error {
		users := pb.NewUserServiceClient(conn)
		switch args := os.Args[1:]; {
		case len(args) == 2 && args[0] == "get":
			return get(ctx, users, args[1])
		case len(args) >= 3 && args[0] == "create":
			return create(ctx, users, &pb.User{UserId: args[1], Name: args[2], Email: strings.Join(args[3:], "")})
		}
		return leat.ErrUsage("users get ID|EMAIL, or users create ID NAME [EMAIL]")
	})
}

func create(ctx context.Context, users pb.UserServiceClient, user *pb.User) error {
	// The id is ours, so that a repeated call is harmless: if the first one was done and only its answer was lost, the
	// second one is answered with Duplicate. Without an id each call would add another user.
	request := &pb.CreateUserRequest{User: user}
	response, err := leat.UntilAnswered(ctx, attempts, func(wait grpc.CallOption) (*pb.CreateUserResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		return users.CreateUser(ctx, request, wait)
	})
	if err != nil {
		return err
	}
	if response.GetDuplicate() {
		fmt.Println("was there already")
	} else {
		fmt.Println("created")
	}
	return show(response.GetUser())
}

func get(ctx context.Context, users pb.UserServiceClient, key string) error {
	request := &pb.GetUserRequest{Key: &pb.GetUserRequest_UserId{UserId: key}}
	if strings.Contains(key, "@") {
		request.Key = &pb.GetUserRequest_Email{Email: key}
	}
	response, err := leat.UntilAnswered(ctx, attempts, func(wait grpc.CallOption) (*pb.GetUserResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, deadline)
		defer cancel()
		return users.GetUser(ctx, request, wait)
	})
	if err != nil {
		return err
	}
	return show(response.GetUser())
}

func show(message proto.Message) error {
	_, err := fmt.Println(protojson.Format(message))
	return err
}
