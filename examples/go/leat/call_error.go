package leat

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// CallError is what an error of Leat says beyond gRPC's code and message.
type CallError struct {
	Code    codes.Code
	Message string
	// Stable, for programs; empty if the connection failed and not the service.
	Reason string
	// Current values, for example first_offset: 17.
	Metadata map[string]string
	// All fields that were wrong, each with what was wrong.
	Violations []*errdetails.BadRequest_FieldViolation
	// The service asks to be called again, not before this time; nil if it does not.
	RetryAfter *time.Duration
}

// ReadCallError opens what a call returned. False if that is no error of a call.
func ReadCallError(err error) (*CallError, bool) {
	said, ok := status.FromError(err)
	if !ok || said.Code() == codes.OK {
		return nil, false
	}
	opened := &CallError{Code: said.Code(), Message: said.Message()}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			opened.Reason, opened.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			opened.Violations = detail.GetFieldViolations()
		case *errdetails.RetryInfo:
			seconds, nanos := detail.GetRetryDelay().GetSeconds(), detail.GetRetryDelay().GetNanos()
			delay := time.Duration(seconds)*time.Second + time.Duration(nanos)
			opened.RetryAfter = &delay
		}
	}
	return opened, true
}

// Transient is true if the same call may succeed later. Whether repeating it is harmless is another question.
func (e *CallError) Transient() bool {
	if e.Code == codes.Unavailable || e.RetryAfter != nil {
		return true
	}
	switch e.Code {
	case codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.Unknown:
		// What a broken connection looks like. It comes without a reason: nobody judged the request. The service's
		// own deadline has one, and says as little about the request as ours.
		return e.Reason == "" || e.Reason == "DEADLINE_EXCEEDED"
	}
	return false
}

func (e *CallError) Error() string {
	lines := []string{strings.TrimSpace(fmt.Sprintf("%s %s", e.Code, e.Reason)) + ": " + e.Message}
	for _, violation := range e.Violations {
		lines = append(lines, fmt.Sprintf("  %s: %s", violation.GetField(), violation.GetDescription()))
	}
	for key, value := range e.Metadata {
		lines = append(lines, fmt.Sprintf("  %s = %s", key, value))
	}
	return strings.Join(lines, "\n")
}
