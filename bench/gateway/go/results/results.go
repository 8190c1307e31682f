// Package results is what both gateways know of a result: its shape, and when it is good.
package results

import (
	"errors"
	"strconv"
	"strings"
)

// Competitor is a person or a team.
type Competitor struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Age  int    `json:"age,omitempty"`
}

// Result is one competitor's result in one unit.
type Result struct {
	Sport      string     `json:"sport"`
	Unit       string     `json:"unit"`
	Phase      string     `json:"phase"`
	Competitor Competitor `json:"competitor"`
	Faculty    string     `json:"faculty"`
	Status     string     `json:"status"`
	Version    int        `json:"version"`
	Mark       string     `json:"mark"`
}

var sports = map[string]bool{"swimming": true, "athletics": true, "boxing": true}
var faculties = map[string]bool{"engineering": true, "agronomy": true}

// Complete checks the result and fills in what is not said.
func (r *Result) Complete() error {
	switch {
	case !sports[r.Sport]:
		return errors.New("sport: expected a sport")
	case !faculties[r.Faculty]:
		return errors.New("faculty: expected a faculty")
	case r.Unit == "" || len(r.Unit) > 64:
		return errors.New("unit: expected a text of 1 to 64 characters")
	case r.Competitor.ID == "" || len(r.Competitor.ID) > 64:
		return errors.New("competitor.id: expected a text of 1 to 64 characters")
	case r.Competitor.Age < 0 || r.Competitor.Age > 150:
		return errors.New("competitor.age: expected 0 to 150")
	}
	if _, err := strconv.ParseFloat(strings.Replace(r.Mark, ",", ".", 1), 64); err != nil {
		return errors.New("mark: expected a number")
	}
	if r.Phase == "" {
		r.Phase = "round"
	}
	if r.Status == "" {
		r.Status = "official"
	}
	if r.Version == 0 {
		r.Version = 1
	}
	return nil
}

// Key is the record's key in Kafka.
func (r *Result) Key() []byte {
	return []byte(r.Sport + "/" + r.Unit)
}
