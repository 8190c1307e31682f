// Command send sends results and an entry over gRPC: go run . 127.0.0.1:50051
//
// The package medallerov1 is generated from intake.proto by ./generate.sh. A token, if the gateway
// asks for one, is read from MEDALLERO_TOKEN.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"example.com/medallero/send/medallerov1"
)

const attempts = 10

func main() {
	gateway := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		gateway = os.Args[1]
	}
	channel, err := grpc.Dial(gateway, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	client := medallerov1.NewResultIntakeClient(channel)
	ctx := context.Background()
	if token := os.Getenv("MEDALLERO_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}

	show(submit(ctx, func(ctx context.Context) (*medallerov1.SubmitResponse, error) {
		return client.Submit(ctx, &medallerov1.SubmitRequest{
			Results: []*medallerov1.Result{result("8", "1:05.28"), result("9", "1:05.54")},
		})
	}))

	// A stream of lists: some hundreds of results in each message.
	show(submit(ctx, func(ctx context.Context) (*medallerov1.SubmitResponse, error) {
		stream, err := client.SubmitStream(ctx)
		if err != nil {
			return nil, err
		}
		for list := 0; list < 2; list++ {
			request := &medallerov1.SubmitRequest{}
			for i := 0; i < 500; i++ {
				request.Results = append(request.Results, result(fmt.Sprint("s", list*500+i), "59.02"))
			}
			if err := stream.Send(request); err != nil {
				break // CloseAndRecv tells why.
			}
		}
		return stream.CloseAndRecv()
	}))

	// The key is made once, before the first attempt: it makes the retries safe.
	keyed := metadata.AppendToOutgoingContext(ctx, "idempotency-key", newKey())
	show(submit(keyed, func(ctx context.Context) (*medallerov1.SubmitResponse, error) {
		return client.Submit(ctx, &medallerov1.SubmitRequest{Entries: []*medallerov1.Entry{{
			Student: "Alvaro García", Age: proto.Int32(20), Faculty: "Ingeniería", Discipline: "1",
		}}})
	}))
}

func result(competitor, mark string) *medallerov1.Result {
	return &medallerov1.Result{
		Sport:      "swimming",
		Unit:       "100 m breaststroke heat 1",
		Competitor: &medallerov1.Competitor{Id: competitor},
		Faculty:    "engineering",
		Mark:       mark,
	}
}

// submit calls until the gateway has taken the records for good, or says that it never will.
func submit(
	ctx context.Context, call func(context.Context) (*medallerov1.SubmitResponse, error),
) *medallerov1.SubmitResponse {
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, 60*time.Second)
		answer, err := call(limited)
		cancel()
		if err == nil {
			return answer
		}
		wait, again := retryDelay(err)
		if !again || attempt == attempts {
			log.Fatal(err)
		}
		time.Sleep(wait)
	}
}

// retryDelay returns how long the gateway asks to wait, and whether a retry makes sense.
func retryDelay(err error) (time.Duration, bool) {
	found := status.Convert(err)
	for _, detail := range found.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return time.Second, found.Code() == codes.Unavailable
}

func show(answer *medallerov1.SubmitResponse) {
	for _, bad := range answer.Rejected {
		log.Printf("record %d: %s: %s", bad.Index, bad.Field, bad.Error)
	}
	fmt.Println("accepted:", answer.Accepted)
}

func newKey() string {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		log.Fatal(err)
	}
	return hex.EncodeToString(key)
}
