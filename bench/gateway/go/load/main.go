// Command load sends results to a gateway and tells in JSON what came of them.
//
//	load grpc      calls of a gRPC gateway: messages of a file, as fast as answers come
//	load overload  HTTP requests on many connections that never wait, and what the topic holds then
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
)

func main() {
	commands := map[string]func([]string) (any, error){"grpc": callGRPC, "overload": overload}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load grpc|overload -help")
		os.Exit(2)
	}
	found, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(found)
}

// percentile returns the value that this share of all values does not exceed; it sorts them.
func percentile(values []float32, share float64) float32 {
	if len(values) == 0 {
		return 0
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	at := int(share * float64(len(values)))
	if at >= len(values) {
		at = len(values) - 1
	}
	return values[at]
}
