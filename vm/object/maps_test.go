package object_test

import (
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/object"
)

func constantUseRing(v bool) object.Options {
	return object.Options{Constants: []object.Constant{{Name: "use_ring", Value: v}}}
}

// What the kernel refuses for the type or the flags of a map is refused when the program is loaded.
func TestMapsOfPrograms(t *testing.T) {
	for _, c := range []struct {
		program string
		opts    object.Options
		want    string // "": it is accepted
	}{
		{"good", object.Options{}, ""},
		{"looks_in_ring", object.Options{}, `bpf_map_lookup_elem#1 cannot be given map "events" of type ringbuf: it takes hash, array, `},
		{"writes_setting", object.Options{}, `writes to map "settings", which programs may only read`},
		{"reads_result", object.Options{}, `reads map "results", which programs may only write`},
		{"writes_constant", object.Options{}, `writes to map ".rodata", which programs may only read`},
		{"updates_setting", object.Options{}, `bpf_map_update_elem#2 changes map "settings", which programs may only read`},
		// A branch that constants decide is not there.
		{"either", object.Options{}, ""},
		{"either", constantUseRing(true), ""},
		{"either", constantUseRing(false), `bpf_perf_event_output#25 cannot be given map "events" of type ringbuf: it takes perf_event_array`},
	} {
		t.Run(c.program, func(t *testing.T) {
			forEach(t, "maptypes", func(t *testing.T, spec *object.Spec) {
				_, err := program(t, link(t, spec, c.opts), c.program).Verify(object.ContextOf("uprobe", false))
				switch {
				case c.want == "" && err != nil:
					t.Error(err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "testdata/maptypes.bpf.c:")):
					t.Errorf("\n got %v\nwant %s", err, c.want)
				}
			})
		})
	}
}
