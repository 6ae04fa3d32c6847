package objects

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// markers are those of testdata/markers.c, by the number that the program prints.
var markers = []string{"none", "widths", "unsigned_widths", "constants", "memory", "many", "inlined", "floats", "guarded", "starts"}

// markerHosts are ways to compile it.
var markerHosts = []struct{ name, compiler, flags string }{
	{"gcc-O0", "gcc", "-O0"},
	{"gcc-O2", "gcc", "-O2 -DSEMAPHORES"},
	{"gcc-O3-nopie", "gcc", "-O3 -fno-pie -no-pie -DSEMAPHORES"},
	{"gcc-Os", "gcc", "-Os -fno-omit-frame-pointer"},
	{"g++-O2", "g++", "-x c++ -O2 -DSEMAPHORES"},
	{"clang-O0", "clang", "-O0 -DSEMAPHORES"},
	{"clang-O2", "clang", "-O2"},
	{"clang++-O3", "clang++", "-x c++ -O3 -DSEMAPHORES"},
	{"gcc-O2-stripped", "gcc", "-O2 -DSEMAPHORES -s"},
}

// markerHost compiles testdata/markers.c in one of these ways, once.
func markerHost(t *testing.T, name string) string {
	t.Helper()
	for _, h := range markerHosts {
		if h.name == name {
			flags := append(strings.Fields(h.flags), "-D_GNU_SOURCE", "-pthread", "-ldl")
			return compiledLast(t, h.compiler, "markers-"+name, "markers.c", flags...)
		}
	}
	t.Fatal(name)
	return ""
}

func markerPlugin(t *testing.T) string {
	t.Helper()
	return native(t, "libmarkers.so", "markers.c", "-D_GNU_SOURCE", "-DLIBRARY", "-DSEMAPHORES", "-shared", "-fPIC")
}

// onMarkers is a manifest that has an object's on_marker at every marker of some files, and its on_tick at another.
func onMarkers(object string, files ...string) string {
	var at, ticks []string
	for _, file := range files {
		for i, name := range markers {
			at = append(at, fmt.Sprintf("{at: \"usdt/%s:shop:%s\", cookie: %d}", file, name, i))
		}
		ticks = append(ticks, fmt.Sprintf("\"usdt/%s:shop:tick\"", file))
	}
	return fmt.Sprintf("objects: [{path: OBJ/%s.bpf.o, attach: {on_marker: [%s], on_tick: [%s]}}]", object,
		strings.Join(at, ", "), strings.Join(ticks, ", "))
}

// event is a struct event of testdata/usdt.bpf.c.
type event struct {
	cookie     uint64
	count, tid uint32
	args       [12]int64
	errors     [12]int32
}

func events(t *testing.T, tr *host.Trace, name string) (out []event) {
	t.Helper()
	for _, r := range records(t, tr, name+".events") {
		e := event{cookie: number(r[:8]), count: uint32(number(r[8:12])), tid: uint32(number(r[12:16]))}
		for i := range e.args {
			e.args[i] = int64(number(r[16+8*i:][:8]))
			e.errors[i] = int32(binary.LittleEndian.Uint32(r[112+4*i:]))
		}
		out = append(out, e)
	}
	return out
}

// line writes an event as the program does. Arguments that cannot be read are "-".
func (e event) line() string {
	s := fmt.Sprint(e.cookie)
	for i := range e.count {
		switch e.errors[i] {
		case 0:
			s += fmt.Sprintf(" %d", e.args[i])
		case -22:
			s += " -"
		default:
			s += fmt.Sprintf(" error %d", e.errors[i])
		}
	}
	for i := e.count; i < 12; i++ {
		if e.errors[i] != -2 || e.args[i] != 0 {
			s += fmt.Sprintf(" and argument %d: %d, error %d", i, e.args[i], e.errors[i])
		}
	}
	return s
}

// unreadable are the arguments, by marker, that the notes of a file say cannot be read: floating-point numbers, and for
// descriptions without an index register what has one.
func unreadable(t *testing.T, file string, sib bool) map[[2]int]bool {
	t.Helper()
	f, err := elfsym.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[[2]int]bool{}
	for n, name := range markers {
		found, err := f.LookupUSDT("shop", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range found {
			for i, a := range u.Args {
				if a.Err != nil || a.Index != "" && !sib {
					out[[2]int{n, i}] = true
				}
			}
		}
	}
	return out
}

// wantEvents: the events are what the program printed.
func wantEvents(t *testing.T, got []event, printed string, skipped map[[2]int]bool) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		for k := range words[1:] {
			if skipped[[2]int{int(words[0][0] - '0'), k}] {
				words[1+k] = "-"
			}
		}
		lines[i] = strings.Join(words, " ")
	}
	var have []string
	for _, e := range got {
		have = append(have, e.line())
	}
	if !slices.Equal(have, lines) {
		t.Errorf("events\n%s\nthe program printed\n%s", strings.Join(have, "\n"), strings.Join(lines, "\n"))
	}
}

// TestUSDTArguments: bpf_usdt_arg reads what the program gave to its markers, of every width, from registers, memory and
// constants, wherever the compiler has them; by libbpf's own header, and by the layout it has since.
func TestUSDTArguments(t *testing.T) {
	forEnds(t, func(t *testing.T, v variant) {
		hosts := markerHosts
		if v != anyVariant(t) && !host.Torture() {
			hosts = hosts[:2]
		}
		for _, h := range hosts {
			for _, object := range []string{"usdt", "usdtsib"} {
				t.Run(h.name+" "+object, func(t *testing.T) {
					file := markerHost(t, h.name)
					tr := trace(t, v, onMarkers(object, file))
					r := host.Run(t, host.Cmd{Args: []string{file}, Dir: host.WorkDir(t)}, tr)
					wantQuiet(t, tr)
					if r.Exit != 0 || r.Stdout == "" {
						t.Fatalf("exit %d, signal %d, stderr %q", r.Exit, r.Signal, r.Stderr)
					}
					wantEvents(t, events(t, tr, object), r.Stdout, unreadable(t, file, object == "usdtsib"))
					if !strings.Contains(r.Stdout, "\n8 -1\n") {
						t.Error("a marker with a semaphore was not reached: nobody listens")
					}
				})
			}
		}
	})
}

// compiledLast is compiled, with the flags behind those of all programs.
func compiledLast(t testing.TB, compiler, output, source string, flags ...string) string {
	t.Helper()
	out := filepath.Join(host.BinDir(t), output)
	language := []string{}
	if i := slices.Index(flags, "-x"); i >= 0 {
		language, flags = flags[i:i+2], slices.Delete(slices.Clone(flags), i, i+2)
	}
	args := append([]string{"-O2", "-g", "-Wall", "-Wextra", "-Werror"}, language...)
	args = append(append(args, filepath.Join("testdata", source), "-o", out), flags...)
	run(t, compiler, args...)
	return out
}
