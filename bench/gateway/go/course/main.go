// Command course is a gateway as course projects write it: net/http, encoding/json and one
// kafka-go writer whose WriteMessages is called by each request. Two things are made equal to the
// other gateways: acks of all in-sync replicas, and an answer only after them. BENCH_LINGER_MS sets
// the writer's BatchTimeout; 0 leaves the library's default of one second.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"medallero/bench/gateway/results"
)

func main() {
	linger, err := strconv.Atoi(os.Getenv("BENCH_LINGER_MS"))
	if err != nil {
		log.Fatal(err)
	}
	writer := &kafka.Writer{
		Addr:         kafka.TCP(os.Getenv("BENCH_KAFKA")),
		Topic:        os.Getenv("BENCH_TOPIC"),
		Balancer:     &kafka.Hash{},
		RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Duration(linger) * time.Millisecond,
	}
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/v1/results", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		found := make([]results.Result, 1)
		if body = bytes.TrimSpace(body); len(body) > 0 && body[0] == '[' {
			err = json.Unmarshal(body, &found)
		} else {
			err = json.Unmarshal(body, &found[0])
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		messages := make([]kafka.Message, len(found))
		for i := range found {
			if err := found[i].Complete(); err != nil {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
			value, err := json.Marshal(&found[i])
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			messages[i] = kafka.Message{Key: found[i].Key(), Value: value}
		}
		if err := writer.WriteMessages(r.Context(), messages...); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"accepted":%d}`, len(messages))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("BENCH_PORT"), nil))
}
