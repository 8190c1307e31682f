package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What became of a request.
const (
	unknown  = iota // no answer: it may be on the topic, or not
	accepted        // 202
	busy            // 429: nothing of it may be on the topic
	away            // 503: it may be on the topic, or not
	wrong           // anything else
)

type overloaded struct {
	Seconds     float64        `json:"seconds"`
	Lasted      float64        `json:"lasted"` // until the last answer
	Connections int            `json:"connections"`
	Batch       int            `json:"batch"`
	Requests    int            `json:"requests"`
	Statuses    map[string]int `json:"statuses"`
	// Requests without an answer: the connection broke, or the gateway closed it.
	Broken int `json:"broken"`
	// Connections that were refused or timed out before a request could be sent.
	Unconnected int `json:"unconnected"`
	// 429 and 503 without Retry-After.
	NotTold int `json:"refused_without_retry_after"`
	// Records acknowledged, and sent, a second of the time in which all connections sent.
	Goodput    float64  `json:"goodput"`
	Offered    float64  `json:"offered"`
	P50        float32  `json:"accepted_p50_ms"`
	P99        float32  `json:"accepted_p99_ms"`
	Max        float32  `json:"accepted_max_ms"`
	RefusedP99 float32  `json:"refused_p99_ms"`
	Topic      *onTopic `json:"topic,omitempty"`
}

type onTopic struct {
	Records      int `json:"records"`
	Acknowledged int `json:"acknowledged"`
	// Acknowledged, and not there: must be none.
	Lost int `json:"lost"`
	// Not acknowledged, and there: the outcome of their requests is unknown to the client.
	Unacknowledged int `json:"unacknowledged"`
	// Records of requests that were refused with 429: must be none.
	Refused int `json:"refused"`
	// More often there than sent: must be none.
	Twice int `json:"twice"`
	// Not sent by this program: must be none.
	Strange int `json:"strange"`
}

// connection sends requests one after the other, never waiting between them.
type connection struct {
	number      int
	outcomes    []byte // by request
	accepted    []float32
	refused     []float32
	statuses    map[int]int
	unconnected int
	notTold     int
	inTime      int // accepted before the end of the sending
}

func overload(arguments []string) (any, error) {
	flags := flag.NewFlagSet("overload", flag.ExitOnError)
	address := flags.String("address", "", "host:port of the gateway")
	token := flags.String("token", "", "sent as Bearer")
	connections := flags.Int("connections", 640, "connections")
	batch := flags.Int("batch", 1, "results a request")
	seconds := flags.Float64("seconds", 10, "how long to send")
	kafka := flags.String("kafka", "", "broker; with it and a topic, the topic is read afterwards")
	topic := flags.String("topic", "", "topic of the results; what it holds before does not count")
	flags.Parse(arguments)

	held, err := openTopic(*kafka, *topic)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	end := began.Add(time.Duration(*seconds * float64(time.Second)))
	all := make([]*connection, *connections)
	var senders sync.WaitGroup
	for number := range all {
		one := &connection{number: number, statuses: map[int]int{}}
		all[number] = one
		senders.Add(1)
		go func() {
			defer senders.Done()
			one.run(*address, *token, *batch, end)
		}()
	}
	senders.Wait()
	found := sum(all, *seconds, *batch)
	found.Lasted = time.Since(began).Seconds()
	if held != nil {
		defer held.client.Close()
		if found.Topic, err = held.compare(all, *batch); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func sum(all []*connection, seconds float64, batch int) *overloaded {
	found := &overloaded{Seconds: seconds, Connections: len(all), Batch: batch, Statuses: map[string]int{}}
	var waits, refused []float32
	inTime := 0
	for _, one := range all {
		inTime += one.inTime
		for status, count := range one.statuses {
			found.Statuses[strconv.Itoa(status)] += count
		}
		for _, outcome := range one.outcomes {
			if outcome == unknown {
				found.Broken++
			}
		}
		found.Requests += len(one.outcomes)
		found.Unconnected += one.unconnected
		found.NotTold += one.notTold
		waits = append(waits, one.accepted...)
		refused = append(refused, one.refused...)
	}
	found.Goodput = float64(inTime*batch) / seconds
	found.Offered = float64(found.Requests*batch) / seconds
	found.P50, found.P99, found.Max = percentile(waits, 0.5), percentile(waits, 0.99), percentile(waits, 1)
	found.RefusedP99 = percentile(refused, 0.99)
	return found
}

func (c *connection) run(address, token string, batch int, end time.Time) {
	var stream net.Conn
	var reader *bufio.Reader
	for time.Now().Before(end) {
		if stream == nil {
			var err error
			if stream, err = net.DialTimeout("tcp", address, 10*time.Second); err != nil {
				stream = nil
				c.unconnected++
				time.Sleep(10 * time.Millisecond)
				continue
			}
			reader = bufio.NewReaderSize(stream, 4096)
		}
		request := c.request(len(c.outcomes), token, batch)
		c.outcomes = append(c.outcomes, unknown)
		sent := time.Now()
		stream.SetDeadline(sent.Add(60 * time.Second))
		// A gateway may refuse by the head alone: then writing the rest fails, and the answer is there.
		_, writeErr := stream.Write(request)
		status, told, last, err := readAnswer(reader)
		took := float32(time.Since(sent).Seconds() * 1000)
		if err == nil {
			c.took(status, told, took)
			if status == 202 && time.Now().Before(end) {
				c.inTime++
			}
		}
		if err != nil || writeErr != nil || last {
			stream.Close()
			stream = nil
		}
	}
	if stream != nil {
		stream.Close()
	}
}

func (c *connection) took(status int, told bool, took float32) {
	at := len(c.outcomes) - 1
	c.statuses[status]++
	switch status {
	case 202:
		c.outcomes[at] = accepted
		c.accepted = append(c.accepted, took)
		return
	case 429:
		c.outcomes[at] = busy
	case 503:
		c.outcomes[at] = away
	default:
		c.outcomes[at] = wrong
	}
	c.refused = append(c.refused, took)
	if (status == 429 || status == 503) && !told {
		c.notTold++
	}
}

// request returns a whole HTTP request; its results carry connection, request and place as id.
func (c *connection) request(number int, token string, batch int) []byte {
	body := make([]byte, 0, 170*batch+2)
	if batch > 1 {
		body = append(body, '[')
	}
	for place := 0; place < batch; place++ {
		if place > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"sport":"swimming","unit":"heat `...)
		body = strconv.AppendInt(body, int64(c.number), 10)
		body = append(body, ' ')
		body = strconv.AppendInt(body, int64((number*batch+place)/8), 10)
		body = append(body, `","competitor":{"id":"`...)
		body = strconv.AppendInt(body, int64(c.number), 10)
		body = append(body, '-')
		body = strconv.AppendInt(body, int64(number), 10)
		body = append(body, '-')
		body = strconv.AppendInt(body, int64(place), 10)
		body = append(body, `","name":"Ana Garc\u00eda","age":20},"faculty":"engineering","mark":"`...)
		body = strconv.AppendInt(body, int64(50+number%20), 10)
		body = append(body, `.25"}`...)
	}
	if batch > 1 {
		body = append(body, ']')
	}
	authorization := ""
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	head := fmt.Sprintf("POST /v1/results HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n%s"+
		"Content-Length: %d\r\n\r\n", authorization, len(body))
	return append([]byte(head), body...)
}

// readAnswer returns the status, whether it says when to retry, and whether the connection ends.
func readAnswer(reader *bufio.Reader) (status int, told, last bool, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return 0, false, true, err
	}
	if len(line) < 12 {
		return 0, false, true, errors.New("no status line")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, false, true, err
	}
	length := 0
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return 0, false, true, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		if len(name) == 0 {
			break
		}
		switch strings.ToLower(string(name)) {
		case "content-length":
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, false, true, err
			}
		case "retry-after":
			told = true
		case "connection":
			last = bytes.EqualFold(bytes.TrimSpace(value), []byte("close"))
		}
	}
	_, err = io.CopyN(io.Discard, reader, int64(length))
	return status, told, last, err
}

// topicReader reads a topic from where it ended when this was made.
type topicReader struct {
	kafka  string
	client *kgo.Client
	admin  *kadm.Client
	topic  string
	starts kadm.ListedOffsets
}

func openTopic(kafka, topic string) (*topicReader, error) {
	if kafka == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka))
	if err != nil {
		return nil, err
	}
	admin := kadm.NewClient(client)
	starts, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return &topicReader{kafka, client, admin, topic, starts}, nil
}

// compare says what the topic holds of what was sent, acknowledged and refused.
func (t *topicReader) compare(all []*connection, batch int) (*onTopic, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	// What is still on its way to the topic belongs to requests without an answer.
	left, err := t.settled(ctx)
	if err != nil {
		return nil, err
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(t.kafka), kgo.FetchMaxBytes(16<<20),
		kgo.ConsumePartitions(t.starts.KOffsets()))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	held := &onTopic{}
	counts := make([][]tally, len(all))
	for i, one := range all {
		counts[i] = make([]tally, len(one.outcomes))
	}
	for held.Records < left {
		fetched := consumer.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, err
		}
		fetched.EachRecord(func(record *kgo.Record) {
			held.Records++
			one, request, place, ok := sender(record.Value)
			if !ok || one >= len(counts) || request >= len(counts[one]) {
				held.Strange++
				return
			}
			counts[one][request].records++
			counts[one][request].places += uint32(place)
		})
	}
	for i, one := range all {
		for request, outcome := range one.outcomes {
			there := int(counts[i][request].records)
			if there > batch {
				held.Twice += there - batch
			}
			switch {
			case outcome == accepted:
				held.Acknowledged += batch
				if there < batch {
					held.Lost += batch - there
				} else if counts[i][request].places != uint32(batch*(batch-1)/2) {
					held.Lost++ // one is there twice in the place of another
				}
			case outcome == busy || outcome == wrong:
				held.Refused += there
			default:
				held.Unacknowledged += there
			}
		}
	}
	return held, nil
}

// settled returns how many records came since the start, when none has come for a second.
func (t *topicReader) settled(ctx context.Context) (int, error) {
	known := -1
	for {
		ends, err := t.admin.ListEndOffsets(ctx, t.topic)
		if err != nil {
			return 0, err
		}
		count := 0
		ends.Each(func(end kadm.ListedOffset) {
			start, _ := t.starts.Lookup(end.Topic, end.Partition)
			count += int(end.Offset - start.Offset)
		})
		if count == known {
			return count, nil
		}
		known = count
		time.Sleep(time.Second)
	}
}

// tally is what the topic holds of a request: how many records, and the sum of their places.
type tally struct {
	records uint16
	places  uint32
}

// sender reads connection, request and place from the id in a record.
func sender(value []byte) (one, request, place int, ok bool) {
	_, rest, found := bytes.Cut(value, []byte(`"competitor":{"id":"`))
	id, _, ended := bytes.Cut(rest, []byte(`"`))
	parts := bytes.Split(id, []byte("-"))
	if !found || !ended || len(parts) != 3 {
		return 0, 0, 0, false
	}
	var numbers [3]int
	for i, part := range parts {
		number, err := strconv.Atoi(string(part))
		if err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = number
	}
	return numbers[0], numbers[1], numbers[2], true
}
