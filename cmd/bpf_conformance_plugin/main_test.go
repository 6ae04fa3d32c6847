package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plugin runs the command in this process.
func plugin(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// spaced writes hexadecimal digits as the runner does: "b7 00 00".
func spaced(digits string) string {
	var b strings.Builder
	for i := 0; i+2 <= len(digits); i += 2 {
		fmt.Fprintf(&b, "%s ", digits[i:i+2])
	}
	return b.String()
}

const add = "71 10 00 00 00 00 00 00 0f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00" // r0 = mem[0] + length

func TestProtocol(t *testing.T) {
	for _, c := range []struct {
		name   string
		stdin  string
		args   []string
		status int
		stdout string
		stderr string // a part of it
	}{
		{"jit by default", add + "\n", []string{"fe 00"}, 0, "100\n", ""},
		{"jit", add, []string{"fe 00", "--jit"}, 0, "100\n", ""},
		{"interpret", add, []string{"fe 00", "--interpret"}, 0, "100\n", ""},
		{"option first", add, []string{"--interpret", "fe 00"}, 0, "100\n", ""},
		{"program as an option", "", []string{"--program", add, "fe 00"}, 0, "100\n", ""},
		{"no memory", "bf 10 00 00 00 00 00 00 0f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00", nil, 0, "0\n", ""},
		{"minus one", "b7 00 00 00 ff ff ff ff 95 00 00 00 00 00 00 00", nil, 0, "ffffffffffffffff\n", ""},
		{"helper", "b7 01 00 00 07 00 00 00 85 00 00 00 05 00 00 00 95 00 00 00 00 00 00 00", nil, 0, "7\n", ""},
		{"refused", "ff 00 00 00 00 00 00 00", nil, 1, "", "insn 0: .insn 0xff, 0, 0, 0, 0: unknown opcode 0xff"},
		{"no program", "", nil, 1, "", "empty program"},
		{"fault", add, []string{"--interpret"}, 1, "", "insn 0: r0 = *(u8 *)(r1 + 0): invalid memory access"},
		{"no hexadecimal", "what", nil, 2, "", "program: encoding/hex"},
		{"memory is no hexadecimal", add, []string{"xy"}, 2, "", "MEM: encoding/hex"},
		{"two memories", add, []string{"01", "02"}, 2, "", "more than one MEM"},
		{"unknown option", add, []string{"--fast"}, 2, "", "unknown option --fast\nusage:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := plugin(c.stdin, c.args...)
			if status != c.status || stdout != c.stdout || !strings.Contains(stderr, c.stderr) {
				t.Errorf("status %d, %q, %q", status, stdout, stderr)
			}
		})
	}
}

// Every case of the public suite that a program without verifier may run.
func TestSuite(t *testing.T) {
	name := filepath.Join("..", "..", "..", "shared", "conformance", "conformance.jsonl")
	file, err := os.Open(name)
	if err != nil {
		t.Skipf("needs the public suite: %v", err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		var c suiteCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []string{"--jit", "--interpret"} {
			c.check(t, mode)
		}
	}
	if count < 300 {
		t.Errorf("%d cases", count)
	}
}

type suiteCase struct {
	Name, Code, Mem, Result, Class string
	Kernel                         string `json:"kernel_result"`
}

func (c suiteCase) check(t *testing.T, mode string) {
	if c.Class == "runtime-error" && mode == "--jit" {
		return // only a checked engine reports it
	}
	args := []string{mode}
	if c.Mem != "" {
		args = append([]string{spaced(c.Mem)}, args...)
	}
	status, stdout, stderr := plugin(spaced(c.Code)+"\n", args...)
	want := c.Result
	if c.Kernel != "" {
		want = c.Kernel
	}
	switch {
	case c.Class != "" && status != 1:
		t.Errorf("%s %s: status %d, %q, want an error", c.Name, mode, status, stdout)
	case c.Class == "" && (status != 0 || "0x"+stdout != want+"\n"):
		t.Errorf("%s %s: status %d, %q, %q, want %s", c.Name, mode, status, stdout, stderr, want)
	}
}
