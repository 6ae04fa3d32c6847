package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// output is where run writes what it finds. After the first failure it takes everything
// and does nothing: CMD runs on when its reader is gone.
type output struct {
	w      io.Writer
	file   *os.File // to close
	asJSON bool
	err    error
}

func (o runOptions) open() (*output, error) {
	if o.output == "" {
		return &output{w: os.Stderr, asJSON: o.asJSON}, nil
	}
	f, err := os.Create(o.output)
	if err != nil {
		return nil, err
	}
	return &output{w: f, file: f, asJSON: o.asJSON}, nil
}

func (o *output) Write(b []byte) (int, error) {
	if o.err == nil {
		_, o.err = o.w.Write(b)
	}
	return len(b), nil
}

// failure is what went wrong with writing. A reader that has gone is no failure.
func (o *output) failure() error {
	if errors.Is(o.err, unix.EPIPE) {
		return nil
	}
	return o.err
}

func (o *output) close() {
	if o.file != nil {
		o.file.Close()
	}
}
