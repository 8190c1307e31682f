// Command well is a gateway in Go as one writes it who knows the libraries: goccy/go-json, one
// idempotent franz-go client that gathers the records of all requests for two milliseconds, acks
// of all in-sync replicas, and an answer only after them.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-json"
	"github.com/twmb/franz-go/pkg/kgo"

	"medallero/bench/gateway/results"
)

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func main() {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BENCH_KAFKA")),
		kgo.DefaultProduceTopic(os.Getenv("BENCH_TOPIC")),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(1_000_000),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.RecordDeliveryTimeout(10*time.Second),
	)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/v1/results", func(w http.ResponseWriter, r *http.Request) { post(client, w, r) })
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("BENCH_PORT"), mux))
}

func post(client *kgo.Client, w http.ResponseWriter, r *http.Request) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body, err := read(r, (*buffer)[:0])
	*buffer = body
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	found := make([]results.Result, 1)
	if isList(body) {
		err = json.Unmarshal(body, &found)
	} else {
		err = json.Unmarshal(body, &found[0])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	records := make([]kgo.Record, len(found))
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
		records[i] = kgo.Record{Key: found[i].Key(), Value: value}
	}
	if err := produce(client, records); err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer := append(make([]byte, 0, 32), `{"accepted":`...)
	answer = append(strconv.AppendInt(answer, int64(len(records)), 10), '}')
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusAccepted)
	w.Write(answer)
}

// produce returns when all records are acknowledged, or with the error of one that is not.
func produce(client *kgo.Client, records []kgo.Record) error {
	var failure atomic.Pointer[error]
	var left sync.WaitGroup
	left.Add(len(records))
	for i := range records {
		client.Produce(context.Background(), &records[i], func(_ *kgo.Record, err error) {
			if err != nil {
				failure.Store(&err)
			}
			left.Done()
		})
	}
	left.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// read reads the body into buffer, which grows at most once if the length is known.
func read(r *http.Request, buffer []byte) ([]byte, error) {
	if n := int(r.ContentLength); n >= 0 {
		if cap(buffer) < n {
			buffer = make([]byte, n)
		}
		buffer = buffer[:n]
		_, err := io.ReadFull(r.Body, buffer)
		return buffer, err
	}
	return io.ReadAll(r.Body)
}

func isList(body []byte) bool {
	for _, c := range body {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '['
	}
	return false
}
