// Command go_consumer counts results as consumers in tutorials do: one record, one increment in
// Redis, with the libraries' defaults. It keeps no state and knows no versions and no medals, so a
// result that comes twice counts twice.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
)

type result struct {
	Sport   string `json:"sport"`
	Faculty string `json:"faculty"`
}

func main() {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("BENCH_REDIS"))
	if err != nil {
		log.Fatal(err)
	}
	client := redis.NewClient(options)
	entries := os.Getenv("BENCH_PREFIX") + "entries"

	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:  []string{os.Getenv("BENCH_KAFKA")},
		Topic:    os.Getenv("BENCH_TOPIC"),
		GroupID:  os.Getenv("BENCH_GROUP"),
		MinBytes: 10e3,
		MaxBytes: 10e6,
	})
	defer reader.Close()

	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			log.Fatal(err)
		}
		var r result
		if err := json.Unmarshal(message.Value, &r); err != nil {
			log.Print(err)
			continue
		}
		if err := client.HIncrBy(ctx, entries, r.Sport+"/"+r.Faculty, 1).Err(); err != nil {
			log.Print(err)
		}
	}
}
