package helper

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A format is one line of testdata/formats.txt.
type format struct {
	line   int
	ours   bool // kernels differ, or have no answer
	text   string
	args   []argument
	want   string
	einval bool
	few    bool // printk, which always has three arguments, has enough
}

// An argument is a number, or memory whose address is the number.
type argument struct {
	number uint64
	memory []byte
}

func (f format) String() string { return fmt.Sprintf("formats.txt:%d: %q", f.line, f.text) }

func formats(t *testing.T) (list []format) {
	t.Helper()
	file, err := os.Open(filepath.Join(host.Root(t), "tests/helper/testdata/formats.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		n++
		if line := lines.Text(); line != "" && line[0] != '#' {
			f, err := parseFormat(line)
			if err != nil {
				t.Fatalf("formats.txt:%d: %v", n, err)
			}
			f.line = n
			list = append(list, f)
		}
	}
	return list
}

func parseFormat(line string) (f format, err error) {
	line, f.ours = strings.CutPrefix(line, "ours ")
	if f.text, line, err = quoted(line); err != nil {
		return f, err
	}
	for !strings.HasPrefix(line, "= ") {
		var a argument
		if a, line, err = parseArgument(line); err != nil {
			return f, err
		}
		f.args = append(f.args, a)
	}
	line = line[2:]
	f.few = line == "FEW"
	if f.einval = f.few || line == "EINVAL"; f.einval {
		return f, nil
	}
	f.want, _, err = quoted(line)
	return f, err
}

// quoted cuts a Go string, and the space behind it, from the beginning of a line.
func quoted(line string) (value, rest string, err error) {
	prefix, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", fmt.Errorf("%q: %w", line, err)
	}
	value, err = strconv.Unquote(prefix)
	return value, strings.TrimPrefix(line[len(prefix):], " "), err
}

func parseArgument(line string) (a argument, rest string, err error) {
	if strings.HasPrefix(line, `"`) {
		text, rest, err := quoted(line)
		return argument{memory: append([]byte(text), 0)}, rest, err
	}
	word, rest, _ := strings.Cut(line, " ")
	if bytes, ok := strings.CutPrefix(word, "@"); ok {
		a.memory, err = hex.DecodeString(bytes)
		return a, rest, err
	}
	if a.number, err = strconv.ParseUint(word, 0, 64); err != nil {
		var v int64
		v, err = strconv.ParseInt(word, 0, 64)
		a.number = uint64(v)
	}
	return a, rest, err
}

// A printer is testdata/print.c at work on formats.
type printer struct {
	t   *testing.T
	in  *bufio.Writer
	out *bufio.Scanner
}

func startPrinter(t *testing.T, dir string) *printer {
	t.Helper()
	cmd := exec.Command(program(t, "print"), filepath.Join(dir, session.FileName), "formats")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &printer{t, bufio.NewWriter(in), bufio.NewScanner(out)}
	t.Cleanup(func() {
		in.Close()
		for p.out.Scan() {
			if !strings.HasSuffix(p.out.Text(), " checks, 0 failures") {
				t.Error(p.out.Text())
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// printed is what the three helpers make of a format.
type printed struct {
	vprintk, printk, snprintf int64
	byPrintk                  bool // it has few enough arguments
	text                      []byte
}

func (p *printer) print(f format, room int) (r printed) {
	p.t.Helper()
	fmt.Fprintf(p.in, "%d %x00", room, f.text)
	for _, a := range f.args {
		if a.memory != nil {
			fmt.Fprintf(p.in, " @%x", a.memory)
		} else {
			fmt.Fprintf(p.in, " %d", a.number)
		}
	}
	fmt.Fprintln(p.in)
	p.in.Flush()
	if !p.out.Scan() {
		p.t.Fatalf("%v: no answer: %v", f, p.out.Err())
	}
	fields := strings.Split(p.out.Text(), " ")
	if len(fields) != 4 {
		p.t.Fatalf("%v: answer %q", f, p.out.Text())
	}
	r.vprintk, _ = strconv.ParseInt(fields[0], 10, 64)
	r.byPrintk = fields[1] != "-"
	r.printk, _ = strconv.ParseInt(fields[1], 10, 64)
	r.snprintf, _ = strconv.ParseInt(fields[2], 10, 64)
	r.text, _ = hex.DecodeString(fields[3])
	return r
}

// TestFormats: each line of the golden file by all three helpers, and what the session's reader finds.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	p := startPrinter(t, dir)
	var follow *session.TraceReader
	for _, f := range formats(t) {
		r := p.print(f, 512)
		if follow == nil {
			s, err := session.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			follow = s.FollowTrace()
		}
		lines := follow.Read()
		if f.einval {
			if r.vprintk != -22 || (r.printk == -22) == f.few || r.snprintf != -22 || len(lines) > 0 != f.few {
				t.Errorf("%v: %d %d %d, %q; want -EINVAL and no line", f, r.vprintk, r.printk, r.snprintf, lines)
			}
			continue
		}
		wantPrinted(t, f, r)
		wantLines(t, f, r, lines)
	}
}

func wantPrinted(t *testing.T, f format, r printed) {
	t.Helper()
	n := int64(len(f.want))
	if r.vprintk != n || r.byPrintk && r.printk != n || r.snprintf != n+1 {
		t.Errorf("%v: results %+v, want %d characters", f, r, n)
	}
	text, _, ended := strings.Cut(string(r.text), "\x00")
	if text != f.want || !ended {
		t.Errorf("%v: snprintf has %q, want %q", f, text, f.want)
	}
}

func wantLines(t *testing.T, f format, r printed, lines []session.Trace) {
	t.Helper()
	want := 1
	if r.byPrintk {
		want = 2
	}
	if len(lines) != want {
		t.Errorf("%v: %d lines, want %d", f, len(lines), want)
	}
	text := strings.ToValidUTF8(strings.TrimSuffix(f.want, "\n"), "?")
	for _, l := range lines {
		if l.Text != text || l.Comm != "print" || l.PID != l.TID || l.PID == 0 || l.Time == 0 {
			t.Errorf("%v: line %+v, want %q", f, l, text)
		}
	}
}

// TestCut: snprintf writes no more than there is room for, ends it, and tells how long it would have been.
func TestCut(t *testing.T) {
	p := startPrinter(t, t.TempDir())
	for _, f := range []format{
		{text: "%d and %s[%8s]%-8s|%px", want: "12345 and text[    five]left    |00000000000000ff", args: []argument{
			{number: 12345}, {memory: []byte("text\x00")}, {memory: []byte("five\x00")}, {memory: []byte("left\x00")}, {number: 255}}},
		{text: "%08d%+5d%%%c", want: "-0000042   +7%A", args: []argument{{number: ^uint64(41)}, {number: 7}, {number: 65}}},
	} {
		for room := range len(f.want) + 3 {
			r := p.print(f, room)
			want := f.want
			if room == 0 {
				want = ""
			} else if room <= len(want) {
				want = want[:room-1]
			}
			got, _, ended := strings.Cut(string(r.text), "\x00")
			if got != want || ended != (room > 0) {
				t.Errorf("room for %d: %q, want %q", room, r.text, want)
			}
			if int(r.snprintf) > len(f.want)+1 || int(r.snprintf) < len(want)+1 {
				t.Errorf("room for %d: %d", room, r.snprintf)
			}
		}
	}
}

// TestLongLine: a record has no more room than it has.
func TestLongLine(t *testing.T) {
	const most = abi.TRACE_TEXT_SIZE - 1
	dir := t.TempDir()
	p := startPrinter(t, dir)
	long := strings.Repeat("0123456789", 60)
	p.print(format{text: "%s", args: []argument{{memory: append([]byte(long), 0)}}}, 512)
	p.print(format{text: long}, 512)
	p.print(format{text: "%8000000d|", args: []argument{{number: 1}}}, 512)
	s, err := session.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lines := s.Trace()
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range []string{long[:most], long[:most], strings.Repeat(" ", most)} {
		if lines[2*i].Text != want || lines[2*i+1].Text != want {
			t.Errorf("%q\nand %q\nwant %q", lines[2*i].Text, lines[2*i+1].Text, want)
		}
	}
}
