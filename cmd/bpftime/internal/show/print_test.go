package show_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
)

// golden compares with a file that was written by hand, and holds each line to 80
// columns.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: printed (+) is not what the file says (-):\n%s", name, diff)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%s: %d columns: %s", name, n, line)
		}
	}
}

// TestLog2: the layout is that of print_log2_hist in the kernel tools.
func TestLog2(t *testing.T) {
	for name, counts := range map[string][]uint64{
		"log2.txt":   {12, 0, 1, 40, 7, 0, 0},
		"wide.txt":   append(make([]uint64, 33), 3, 1),
		"digits.txt": {math.MaxUint64, math.MaxUint64 / 2, 1},
		"none.txt":   {0, 0, 0},
		"all.txt":    {63: 5, 64: 0},
	} {
		var b bytes.Buffer
		if err := show.Log2(&b, counts, "usecs"); err != nil {
			t.Fatal(err)
		}
		if name == "all.txt" {
			if n := strings.Count(b.String(), "\n"); n != 65 || !strings.Contains(b.String(), " 9223372036854775808 -> 18446744073709551615 ") {
				t.Errorf("64 slots are drawn in %d lines:\n%s", n, b.String())
			}
			continue
		}
		golden(t, name, b.String())
	}
}

// TestHistograms: they are known by the name that kernel tools give them.
func TestHistograms(t *testing.T) {
	slots := show.List{uint64(1), uint64(2)}
	h := show.Object{{Name: "slots", Value: slots}}
	for _, c := range []struct {
		value show.Value
		names []string
		rest  string
	}{
		{uint64(7), nil, "7"},
		{slots, nil, "[1, 2]"},
		{h, []string{""}, "?"},
		{append(show.Object{{Name: "total", Value: uint64(3)}}, h...), []string{""}, "{total: 3}"},
		{show.Object{{Name: "read", Value: h}, {Name: "hists", Value: show.List{h, h}}, {Name: "n", Value: uint64(1)}},
			[]string{"read", "hists[0]", "hists[1]"}, "{n: 1}"},
		{show.List{h, show.Object{{Name: "a", Value: h}}}, []string{"[0]", "[1].a"}, "?"},
		{show.Object{{Name: "sizes", Value: slots}, {Name: "in", Value: show.Object{{Name: "hist_us", Value: slots}}}}, []string{"sizes", "in.hist_us"}, "?"},
		{show.Object{{Name: "slots", Value: show.List{uint64(1)}}}, nil, "{slots: [1]}"},
		{show.Object{{Name: "slots", Value: show.List{"a", "b"}}}, nil, `{slots: ["a", "b"]}`},
	} {
		found, rest := show.Histograms(c.value)
		var names []string
		for _, f := range found {
			names = append(names, f.Name)
		}
		if diff := cmp.Diff(c.names, names); diff != "" || show.Text(rest) != c.rest {
			t.Errorf("%s: found %q, left %s; want %q, %s", show.Text(c.value), names, show.Text(rest), c.names, c.rest)
		}
	}
}

// TestGuesses: what names say of counters.
func TestGuesses(t *testing.T) {
	for _, c := range []struct {
		name      string
		n         int
		unit      string
		histogram bool
	}{
		{"latency_us", 64, "usecs", true}, {"latency_us", 65, "usecs", false}, {"latency_us", 1, "usecs", false},
		{"dist", 8, "value", true}, {"distance", 32, "value", false}, {"hist2", 32, "value", true}, {"slots", 27, "value", true},
		{"run_ns", 16, "nsecs", true}, {"run_ns", 15, "nsecs", false}, {"sizes", 32, "bytes", true}, {"Usecs", 26, "usecs", true},
		{"instances", 32, "value", false}, {"counts", 64, "value", false}, {"wait.msecs", 20, "msecs", true}, {"", 20, "value", false},
	} {
		if unit, histogram := show.Unit(c.name), show.IsHistogram(c.name, c.n); unit != c.unit || histogram != c.histogram {
			t.Errorf("%s, %d: %s, %v; want %s, %v", c.name, c.n, unit, histogram, c.unit, c.histogram)
		}
	}
}

// TestCompare: numbers by size, structs by what comes first in them.
func TestCompare(t *testing.T) {
	pair := func(a, b show.Value) show.Object { return show.Object{{Name: "a", Value: a}, {Name: "b", Value: b}} }
	for _, c := range []struct{ less, more show.Value }{
		{uint64(9), uint64(10)}, {int64(-10), int64(-9)}, {1.5, 2.5}, {"a", "b"}, {show.Bytes{1}, show.Bytes{2}},
		{pair(uint64(9), "z"), pair(uint64(10), "a")}, {pair(uint64(9), "a"), pair(uint64(9), "z")}, {false, true},
	} {
		if a, b, c := show.Compare(c.less, c.more), show.Compare(c.more, c.less), show.Compare(c.less, c.less); a >= 0 || b <= 0 || c != 0 {
			t.Errorf("%v: %d, %d, %d", c, a, b, c)
		}
	}
}

// TestTable: what is long is last and moves nothing else.
func TestTable(t *testing.T) {
	table := show.Table{Indent: "  ", Columns: []string{">HITS", "TACTIC", "LINK"}}
	table.Add(7, "jump", "funccount uprobe/libc:malloc")
	table.Add(uint64(1234567), "jump+return-a", "ä uretprobe//usr/lib/x86_64-linux-gnu/libstdc++.so.6:_ZNSt6thread4joinEv and it goes on")
	table.Add(0, "", "")
	var b bytes.Buffer
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `     HITS  TACTIC         LINK
        7  jump           funccount uprobe/libc:malloc
  1234567  jump+return-a  ä uretprobe//usr/lib/x86_64-linux-gnu/libstdc++.so.6:_ZNSt6thread4joinEv and it goes on
        0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWrap(t *testing.T) {
	got := show.Wrap("  ! ", "a jump leads to +0x3, inside the first five bytes; "+strings.Repeat("x", 90)+" and what follows is said, too")
	want := "  ! a jump leads to +0x3, inside the first five bytes;\n    " + strings.Repeat("x", 90) + "\n    and what follows is said, too\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestHexdump(t *testing.T) {
	var b bytes.Buffer
	if err := show.Hexdump(&b, "  ", []byte("GET / HTTP/1.1\r\nHost")); err != nil {
		t.Fatal(err)
	}
	golden(t, "hexdump.txt", b.String())
}

// TestClean: nothing that is printed moves a cursor or changes a title.
func TestClean(t *testing.T) {
	const evil = "a\x1b]0;b\a\x9bc\r\u202ed\xff\té"
	const want = "a\ufffd]0;b\ufffd\ufffdc\ufffd\ufffdd\ufffd\té"
	if got := show.Clean(evil + "\n"); got != want+"\n" {
		t.Errorf("%q, want %q", got, want)
	}
	table := show.Table{Columns: []string{"A"}}
	table.Add(evil + "\n")
	var b bytes.Buffer
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{b.String(), show.Wrap("", evil), show.Text(evil)} {
		if strings.ContainsAny(got, "\x1b\a\r\u202e") || strings.Contains(got, "\u009b") {
			t.Errorf("%q", got)
		}
	}
}
