package verifier_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/internal/conformance"
	"github.com/bpftime-go/bpftime/vm/verifier"
)

// line is a program with the kernel's verdict: a case of its self-tests, or a
// real program.
type line struct {
	Name   string
	Code   string
	Type   int `json:"prog_type"`
	Kernel struct{ Verdict, Msg string }
	Maps   []*struct{ Type, Key, Value, Max, Flags uint32 }
}

// readsContext are the numbers of enum bpf_prog_type whose programs cannot write
// to their context: kprobe, tracepoint, perf_event, raw_tracepoint, tracing.
var readsContext = map[int]bool{2: true, 5: true, 7: true, 17: true, 26: true}

// Whatever the kernel accepts is accepted here, as long as the instruction set
// is ours: what is looked at so far must not refuse a good program.
func TestKernelAcceptsNoMore(t *testing.T) {
	for file, most := range map[string]int{"programs.jsonl": 10, "cases.jsonl": 40} {
		f, err := os.Open(conformance.Shared(t, "verifier", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		asked, foreign := 0, 0
		for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
			var p line
			if err := lines.Decode(&p); err != nil {
				t.Fatal(err)
			}
			if p.Kernel.Verdict != "accept" {
				continue
			}
			prog, err := p.load()
			if err != nil {
				foreign++ // kfuncs, types of the kernel, classic packet access
				continue
			}
			asked++
			if _, err := verifier.Verify(prog, p.options()); err != nil {
				t.Errorf("%s: %s: %v", file, p.Name, err)
			}
		}
		t.Logf("%s: %d programs asked about, %d not of this instruction set", file, asked, foreign)
		if asked == 0 || foreign > most {
			t.Errorf("%s: %d programs asked about, %d not", file, asked, foreign)
		}
	}
}

// load hides from the verifier that r1 is the context where programs may write
// to that.
func (p *line) load() (*vm.Program, error) {
	code, err := hex.DecodeString(p.Code)
	if err != nil {
		return nil, err
	}
	if !readsContext[p.Type] {
		hidden, err := vm.Encode(vm.MustAssemble("r1 |= 0; exit")[:1])
		if err != nil {
			return nil, err
		}
		code = append(hidden, code...)
	}
	return vm.Load(code, vm.Options{Maps: len(p.Maps)})
}

func (p *line) options() verifier.Options {
	opts := verifier.Options{Helper: func(int32) bool { return true }, Context: 4096}
	for _, m := range p.Maps {
		one := verifier.Map{}
		if m != nil {
			one = verifier.Map{Type: m.Type, KeySize: m.Key, ValueSize: m.Value, MaxEntries: m.Max, Flags: m.Flags}
		}
		opts.Maps = append(opts.Maps, one)
	}
	return opts
}

// What the kernel refuses for a map's type or flags is refused here, where helper and
// map are such as there are here.
func TestKernelRefusesMaps(t *testing.T) {
	f, err := os.Open(conformance.Shared(t, "verifier", "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	asked := 0
	for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
		var p line
		if err := lines.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Kernel.Verdict != "reject" || !aboutMaps.MatchString(p.Kernel.Msg) || ofSockets.MatchString(p.Kernel.Msg) {
			continue
		}
		prog, err := p.load()
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if slices.ContainsFunc(prog.Helpers(), func(id int32) bool { _, ok := helper.ByID(id); return !ok }) {
			continue
		}
		asked++
		if _, err := verifier.Verify(prog, p.options()); err == nil {
			t.Errorf("%s: accepted; the kernel: %s", p.Name, p.Kernel.Msg)
		}
	}
	if asked < 6 {
		t.Errorf("%d programs asked about", asked)
	}
}

var (
	aboutMaps = regexp.MustCompile("cannot pass map_type|(write into|read from) map forbidden")
	ofSockets = regexp.MustCompile("map_type (15|24) ")
)
