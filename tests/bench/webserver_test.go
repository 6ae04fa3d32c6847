package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestParseWrk: only a summary without errors has a number of requests.
func TestParseWrk(t *testing.T) {
	const summary = "Running 1s test @ http://127.0.0.1:1/page\n  1 threads and 8 connections\n%  45678 requests in 1.10s, 5.60MB read\n"
	good := strings.ReplaceAll(summary, "%", "")
	if n, err := parseWrk(good); n != 45678 || err != nil {
		t.Errorf("%d requests, %v", n, err)
	}
	for _, bad := range []string{
		good + "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
		good + "  Non-2xx or 3xx responses: 45678\n",
		"unable to connect\n",
		strings.ReplaceAll(good, "45678", "0"),
	} {
		if n, err := parseWrk(bad); err == nil {
			t.Errorf("%d requests of %q", n, bad)
		}
	}
}

// TestProcessTime: the clock is that of the process, and only goes on while that runs.
func TestProcessTime(t *testing.T) {
	before, err := processTime(os.Getpid())
	if err != nil || before <= 0 {
		t.Fatal(before, err)
	}
	end := time.Now().Add(time.Minute)
	for after := before; after <= before; {
		if after, err = processTime(os.Getpid()); err != nil || time.Now().After(end) {
			t.Fatal(after, err)
		}
	}
	if _, err := processTime(1 << 22); err == nil {
		t.Error("a process that cannot be has a clock")
	}
}

// TestCheckWeb: programs that have not run have no figure.
func TestCheckWeb(t *testing.T) {
	for _, c := range []struct {
		name string
		c    webCase
		good bool
	}{
		{"all counted", webCase{counts: true, served: 10, hits: 60}, true},
		{"not there", webCase{counts: true, served: 10}, false},
		{"nothing to count", webCase{served: 10}, true},
		{"counted what nobody asked for", webCase{served: 10, hits: 1}, false},
	} {
		if err := c.c.check(); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
