package tool

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/gadgets"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func clock(ns uint64) time.Time { return noon.Add(time.Duration(ns)) }

// options are a gadget's for a line of arguments.
func options(t *testing.T, line string) (string, gadgets.Options) {
	t.Helper()
	words := strings.Fields(line)
	g, err := gadgets.Find(words[0])
	if err != nil {
		t.Fatal(err)
	}
	o, ok, err := g.Options(words[1:])
	if !ok || err != nil {
		t.Fatalf("%s: %v %v", line, ok, err)
	}
	return words[0], o
}

func snoop(t *testing.T, line string) Snoop {
	name, o := options(t, line)
	return NewSnoop(name, o, clock)
}

func texts(rows []Row) (out string) {
	for _, r := range rows {
		out += r.Text
	}
	return out
}

func jsons(t *testing.T, rows []Row) (out string) {
	t.Helper()
	for _, r := range rows {
		if r.JSON == nil {
			continue
		}
		b, err := json.Marshal(r.JSON)
		if err != nil {
			t.Fatal(err)
		}
		out += string(b) + "\n"
	}
	return out
}

func open(comm string, ret int64, path string) show.Object {
	return show.Object{
		{Name: "time_ns", Value: uint64(5e9)}, {Name: "pid", Value: uint64(7)}, {Name: "tid", Value: uint64(8)}, {Name: "uid", Value: uint64(1000)},
		{Name: "ret", Value: ret}, {Name: "flags", Value: uint64(0o2000000)}, {Name: "comm", Value: comm}, {Name: "path", Value: path},
	}
}

func TestOpensnoop(t *testing.T) {
	for line, want := range map[string]string{
		"opensnoop": "PID    COMM              FD ERR PATH\n" +
			"7      cat                3   0 /etc/passwd\n" +
			"7      a\ufffd[1mb            -1   2 /no\\nwhere\n",
		"opensnoop -n at": "PID    COMM              FD ERR PATH\n" +
			"7      cat                3   0 /etc/passwd\n",
		"opensnoop -TUe -n cat": "TIME     UID     PID    COMM              FD ERR FLAGS    MODE  PATH\n" +
			"12:00:05 1000    7      cat                3   0 02000000 n/a  /etc/passwd\n",
		"opensnoop -en cat": "PID    COMM              FD ERR FLAGS    MODE  PATH\n" +
			"7      cat                3   0 02000000 n/a  /etc/passwd\n" +
			"7      cat                4   0 02000102 0640 new\n",
	} {
		s := snoop(t, line)
		got := s.Header() + texts(s.Record(open("cat", 3, "/etc/passwd"))) + texts(s.Record(open("a\x1b[1mb", -2, "/no\nwhere"))) + texts(s.End())
		if strings.Contains(line, "-en") {
			made := open("cat", 4, "new")
			made[5].Value = uint64(0o2000102)
			got += texts(s.Record(append(made, show.Field{Name: "mode", Value: uint64(0o640)})))
		}
		if got != want {
			t.Errorf("%s: got\n%swant\n%s", line, got, want)
		}
	}
	const want = `{"gadget":"opensnoop","time_ns":5000000000,"pid":7,"tid":8,"uid":1000,"comm":"cat","fd":-1,"err":2,"flags":524288,"path":"/x"}` + "\n"
	if got := jsons(t, snoop(t, "opensnoop").Record(open("cat", -2, "/x"))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// call is a record of execsnoop: a call that is made, or with ret one that has returned.
func call(ns, tid uint64, ret *int64, args ...string) show.Object {
	o := show.Object{
		{Name: "time_ns", Value: ns}, {Name: "pid", Value: tid}, {Name: "tid", Value: tid}, {Name: "ppid", Value: uint64(1)}, {Name: "uid", Value: uint64(0)},
		{Name: "comm", Value: "bash"},
	}
	if ret != nil {
		return append(o, show.Field{Name: "ret", Value: *ret}, show.Field{Name: "returned", Value: uint64(1)})
	}
	count := uint64(len(args))
	if last := len(args) - 1; args[last] == "..." {
		args = args[:last]
	}
	return append(o, show.Field{Name: "args_count", Value: count}, show.Field{Name: "rest", Value: show.Bytes(strings.Join(args, "\x00") + "\x00")})
}

// TestExecsnoop: a call that fails says so soon; one of which nothing more is heard has
// begun a program, of the file's name. Lines keep the order of the calls.
func TestExecsnoop(t *testing.T) {
	enoent := int64(-2)
	for line, want := range map[string]string{
		"execsnoop": "PCOMM            PID    PPID   RET ARGS\n" +
			"ls               10     1        0 /bin/ls -l a b\n" +
			"a_name_that_is_  12     1        0 /opt/a_name_that_is_long  x\\ny ...\n",
		"execsnoop -x": "PCOMM            PID    PPID   RET ARGS\n" +
			"bash             11     1       -2 /no/such\n" +
			"ls               10     1        0 /bin/ls -l a b\n" +
			"a_name_that_is_  12     1        0 /opt/a_name_that_is_long  x\\ny ...\n",
		"execsnoop -qTtU -n ls": "TIME     TIME(s)  UID    PCOMM            PID    PPID   RET ARGS\n" +
			"12:00:03 2.500    0      ls               10     1        0 \"/bin/ls\" \"-l\" \"a b\"\n",
		"execsnoop -l long": "PCOMM            PID    PPID   RET ARGS\n" +
			"a_name_that_is_  12     1        0 /opt/a_name_that_is_long  x\\ny ...\n",
	} {
		s := snoop(t, line)
		got := s.Header() + texts(s.Record(call(1e9, 11, nil, "/no/such"))) + texts(s.Tick(noon)) +
			texts(s.Record(call(3.5e9, 10, nil, "/bin/ls", "-l", "a b"))) + texts(s.Record(call(3.6e9, 11, &enoent)))
		if strings.Contains(got, "ls ") {
			t.Errorf("%s: a call is shown before it is known what came of it:\n%s", line, got)
		}
		got += texts(s.Tick(noon.Add(time.Second))) + texts(s.Tick(noon.Add(2*time.Second)))
		got += texts(s.Record(call(4e9, 12, nil, "/opt/a_name_that_is_long", "", "x\ny", "..."))) + texts(s.End())
		if got != want {
			t.Errorf("%s: got\n%swant\n%s", line, got, want)
		}
	}
}

// TestExecsnoopAgain: a thread that calls again has begun the program before; one that
// comes back from a call that succeeded says its new name itself.
func TestExecsnoopAgain(t *testing.T) {
	s, done := snoop(t, "execsnoop"), int64(0)
	got := jsons(t, s.Record(call(1, 5, nil, "/bin/env", "ls"))) + jsons(t, s.Record(call(2, 5, nil, "/bin/ls"))) + jsons(t, s.Record(call(3, 5, &done)))
	const want = `{"gadget":"execsnoop","time_ns":1,"pid":5,"tid":5,"ppid":1,"uid":0,"comm":"env","ret":0,"args":["/bin/env","ls"],"more_args":false}
{"gadget":"execsnoop","time_ns":2,"pid":5,"tid":5,"ppid":1,"uid":0,"comm":"bash","ret":0,"args":["/bin/ls"],"more_args":false}
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func tallies() []Tally {
	return []Tally{
		{Key: 0, Comm: "one", Count: 5, TotalNS: 9e6, Latency: []uint64{0, 3, 2}},
		{Key: 257, Comm: "two\x1b", Count: 12, TotalNS: 1500, Latency: []uint64{12}},
		{Key: 511, Comm: "three", Count: 1},
	}
}

func TestSyscount(t *testing.T) {
	for line, want := range map[string]string{
		"syscount": "SYSCALL                   COUNT\n" +
			"openat                       12\n" +
			"read                          5\n" +
			"[unknown]                     1\n",
		"syscount -T1": "SYSCALL                   COUNT\n" +
			"openat                       12\n",
		"syscount -P -T 2": "PID    COMM               COUNT\n" +
			"257    two\ufffd                  12\n" +
			"0      one                    5\n",
		"syscount -L -T 0": "SYSCALL                   COUNT        TIME (us)\n" +
			"read                          5         9000.000\n" +
			"openat                       12            1.500\n" +
			"[unknown]                     1            0.000\n",
		"syscount -HmT1": "SYSCALL                   COUNT        TIME (ms)\n" +
			"read                          5            9.000\n" +
			"     nsecs               : count    distribution\n" +
			"         0 -> 1          : 0        |                                        |\n" +
			"         2 -> 3          : 3        |****************************************|\n" +
			"         4 -> 7          : 2        |**************************              |\n",
	} {
		_, o := options(t, line)
		if got := texts(NewSyscount(o, noon).Table(noon, tallies())); got != want {
			t.Errorf("%s: got\n%swant\n%s", line, got, want)
		}
	}
	for line, want := range map[string]string{
		"syscount -T 1": `{"gadget":"syscount","syscall":"openat","number":257,"count":12}
{"gadget":"syscount","syscall":"read","number":0,"count":5}
{"gadget":"syscount","syscall":"[unknown]","number":511,"count":1}
`,
		"syscount -L": `{"gadget":"syscount","syscall":"read","number":0,"count":5,"total_ns":9000000,"latency_ns":[0,3,2]}
{"gadget":"syscount","syscall":"openat","number":257,"count":12,"total_ns":1500,"latency_ns":[12]}
{"gadget":"syscount","syscall":"[unknown]","number":511,"count":1,"total_ns":0}
`,
		"syscount -P": `{"gadget":"syscount","pid":257,"comm":"two\u001b","count":12}
{"gadget":"syscount","pid":0,"comm":"one","count":5}
{"gadget":"syscount","pid":511,"comm":"three","count":1}
`,
	} {
		_, o := options(t, line)
		if got := jsons(t, NewSyscount(o, noon).Table(noon, tallies())); got != want {
			t.Errorf("%s: got\n%swant\n%s", line, got, want)
		}
	}
}

// TestSyscountInterval: each table has what came since the one before, and after the
// duration there is none.
func TestSyscountInterval(t *testing.T) {
	_, o := options(t, "syscount -i 2 -d 5")
	c := NewSyscount(o, noon)
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	var got string
	for s, n := range []uint64{1, 2, 4, 8, 16, 32, 64} {
		if c.Due(at(s)) {
			got += fmt.Sprint(s, ": ") + texts(c.Table(at(s), []Tally{{Key: 0, Count: n}, {Key: 1, Count: 1}}))
		}
	}
	const want = "2: [12:00:02]\nSYSCALL                   COUNT\nread                          4\nwrite                         1\n\n" +
		"4: [12:00:04]\nSYSCALL                   COUNT\nread                         12\n\n" +
		"5: [12:00:05]\nSYSCALL                   COUNT\nread                         16\n\n"
	if got != want || !c.Over() {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
