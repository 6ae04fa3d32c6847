// Command bpf_conformance_plugin runs one program for the public runner of
// bpf_conformance (and for ubpf's fuzzer).
//
//	bpf_conformance_plugin [MEM] [--jit|--interpret] [--program CODE]
//
// Protocol. The caller gives the program as one line of hexadecimal bytes on
// standard input, or as CODE; spaces between bytes do not matter. MEM, one
// argument, is the memory that r1 points to, with its length in r2; both are 0
// without it. The plugin writes r0 in hexadecimal to standard output and exits
// with 0; or it writes what is wrong to standard error and exits with 1, or 2
// for wrong usage. Programs skip the verifier, so by --jit (the default) a bad
// one can do what it likes to this process, which is why it is one of its own.
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper/suite"
	"github.com/bpftime-go/bpftime/vm/interp"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

const usage = "usage: bpf_conformance_plugin [MEM] [--jit|--interpret] [--program CODE] < CODE"

// maxCode is more than the largest program has in hexadecimal and spaces.
const maxCode = 3*vm.MaxSlots*vm.SlotSize + 2

// budget is what the interpreter may take; the suites' longest takes less.
const budget = 1_000_000_000

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	r, err := parse(args, stdin)
	if err != nil {
		fmt.Fprintf(stderr, "bpf_conformance_plugin: %v\n%s\n", err, usage)
		return 2
	}
	r0, err := r.execute()
	if err != nil {
		fmt.Fprintf(stderr, "bpf_conformance_plugin: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "%x\n", r0)
	return 0
}

// request is what the command line and standard input ask for.
type request struct {
	code, mem []byte
	interpret bool
}

func parse(args []string, stdin io.Reader) (*request, error) {
	r := &request{}
	var code *string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--jit":
			r.interpret = false
		case arg == "--interpret":
			r.interpret = true
		case arg == "--program" && len(args) > 0:
			code, args = &args[0], args[1:]
		case strings.HasPrefix(arg, "-"):
			return nil, fmt.Errorf("unknown option %s", arg)
		case r.mem != nil:
			return nil, errors.New("more than one MEM")
		default:
			var err error
			if r.mem, err = parseHex(arg); err != nil {
				return nil, fmt.Errorf("MEM: %w", err)
			}
		}
	}
	return r, r.read(code, stdin)
}

// read takes the program from the option, or else from standard input.
func (r *request) read(option *string, stdin io.Reader) (err error) {
	text := option
	if text == nil {
		all, err := io.ReadAll(io.LimitReader(stdin, maxCode))
		if err != nil {
			return err
		}
		line := string(all)
		text = &line
	}
	if r.code, err = parseHex(*text); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	return nil
}

// parseHex reads bytes with any white space between them. The result is not nil.
func parseHex(text string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(text), ""))
}

func (r *request) execute() (r0 uint64, err error) {
	p, err := unverified.Load(r.code, vm.Options{})
	if err != nil {
		return 0, err
	}
	if r.interpret {
		m, err := interp.New(p.Program(), interp.Options{Helpers: suite.Helpers(), Budget: budget})
		if err != nil {
			return 0, err
		}
		return m.Run(r.mem)
	}
	x, err := exec.New(p, exec.Options{Helpers: suite.Helpers()})
	if err != nil {
		return 0, err
	}
	defer x.Close()
	return x.Run(r.mem)
}
