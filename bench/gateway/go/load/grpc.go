package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const service = "/medallero.v1.ResultIntake/"

// raw passes messages as they stand on the wire: they were made before, so that making them takes
// nothing from the machine while it is measured.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

type grpcCalls struct {
	Seconds  float64        `json:"seconds"`
	Calls    int            `json:"calls"`
	Accepted int64          `json:"accepted"`
	P50      float32        `json:"p50_ms"`
	P99      float32        `json:"p99_ms"`
	Failures map[string]int `json:"failures"`
}

func callGRPC(arguments []string) (any, error) {
	flags := flag.NewFlagSet("grpc", flag.ExitOnError)
	target := flags.String("target", "", "host:port")
	file := flags.String("messages", "", "file of SubmitRequests, each after its length (32 bits, big endian)")
	connections := flags.Int("connections", 8, "HTTP/2 connections")
	calls := flags.Int("calls", 64, "calls at a time")
	stream := flags.Int("stream", 0, "messages of a client stream; 0: unary calls")
	seconds := flags.Float64("seconds", 5, "how long to begin new calls")
	token := flags.String("token", "", "sent as Bearer")
	flags.Parse(arguments)

	messages, err := readMessages(*file)
	if err != nil {
		return nil, err
	}
	var channels []*grpc.ClientConn
	for i := 0; i < *connections; i++ {
		channel, err := grpc.Dial(*target,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.WaitForReady(true)))
		if err != nil {
			return nil, err
		}
		defer channel.Close()
		channels = append(channels, channel)
	}
	var lock sync.Mutex
	var waits []float32
	found := grpcCalls{Failures: map[string]int{}}
	began := time.Now()
	end := began.Add(time.Duration(*seconds * float64(time.Second)))
	var callers sync.WaitGroup
	for number := 0; number < *calls; number++ {
		callers.Add(1)
		go func(number int) {
			defer callers.Done()
			var own []float32
			accepted, failures := int64(0), map[string]int{}
			channel := channels[number%len(channels)]
			for at := number; time.Now().Before(end); {
				ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
				if *token != "" {
					ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+*token)
				}
				sent := time.Now()
				var answer []byte
				var err error
				if *stream == 0 {
					err = channel.Invoke(ctx, service+"Submit", &messages[at%len(messages)], &answer)
					at += *calls
				} else {
					answer, err = sendStream(ctx, channel, messages, &at, *stream)
				}
				cancel()
				if err != nil {
					failures[status.Code(err).String()]++
					continue
				}
				own = append(own, float32(time.Since(sent).Seconds()*1000))
				accepted += acceptedOf(answer)
			}
			lock.Lock()
			defer lock.Unlock()
			waits = append(waits, own...)
			found.Accepted += accepted
			for code, count := range failures {
				found.Failures[code] += count
			}
		}(number)
	}
	callers.Wait()
	found.Seconds = time.Since(began).Seconds()
	found.Calls = len(waits)
	found.P50, found.P99 = percentile(waits, 0.50), percentile(waits, 0.99)
	return found, nil
}

func sendStream(ctx context.Context, channel *grpc.ClientConn, messages [][]byte, at *int, count int) ([]byte, error) {
	stream, err := channel.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, service+"SubmitStream")
	if err != nil {
		return nil, err
	}
	for i := 0; i < count; i++ {
		if err := stream.SendMsg(&messages[*at%len(messages)]); err != nil {
			break // RecvMsg tells why
		}
		*at++
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var answer []byte
	err = stream.RecvMsg(&answer)
	return answer, err
}

// acceptedOf reads the field 1 of a SubmitResponse, which comes first.
func acceptedOf(answer []byte) int64 {
	if len(answer) < 2 || answer[0] != 1<<3 {
		return 0
	}
	value, _ := binary.Uvarint(answer[1:])
	return int64(value)
}

func readMessages(file string) ([][]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	for len(content) >= 4 {
		size := int(binary.BigEndian.Uint32(content))
		if len(content) < 4+size {
			return nil, errors.New("the file of messages ends early")
		}
		messages = append(messages, content[4:4+size])
		content = content[4+size:]
	}
	if len(messages) == 0 {
		return nil, errors.New("the file of messages is empty")
	}
	return messages, nil
}
