package objects

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/bpftime-go/bpftime/vm/object"
)

// globals are the variables in a data section of an object, as the session has them now: up to eight bytes each, by name;
// arrays by "name[i]", of long ones the end.
func globals(t *testing.T, tr *host.Trace, name, section string) map[string]uint64 {
	t.Helper()
	value := datasec(t, tr, name, section)
	values, err := opened(t, tr, name+"."+section).Lookup(make([]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	for _, v := range value.Vars {
		variable, b := v.Type.(*btf.Var), values[0][v.Offset:][:v.Size]
		if a, ok := btf.UnderlyingType(variable.Type).(*btf.Array); ok {
			size, n := len(b)/int(a.Nelems), int(a.Nelems)
			for i := max(0, n-64); i < n; i++ {
				out[fmt.Sprintf("%s[%d]", variable.Name, i)] = number(b[i*size : (i+1)*size])
			}
			continue
		}
		out[variable.Name] = number(b)
	}
	return out
}

// datasec is the section's layout, which the object's file says.
func datasec(t *testing.T, tr *host.Trace, name, section string) *btf.Datasec {
	t.Helper()
	for _, word := range strings.FieldsFunc(tr.Text, func(r rune) bool { return strings.ContainsRune(" {},\n", r) }) {
		if filepath.Base(word) != name+".bpf.o" {
			continue
		}
		spec, err := object.LoadFile(word)
		if err != nil {
			t.Fatal(err)
		}
		return spec.Map("." + section).Value.(*btf.Datasec)
	}
	t.Fatalf("no %s in the manifest", name)
	return nil
}

const filtered = `
objects:
- path: OBJ/globals.bpf.o
  rodata:
    filter: {min: 3, max: 0x10, negate: false}
    name: somebody
    weights: [1, 10, 100]
    unit: USEC
`

// TestGlobals: constants are what the manifest says, in part or whole; variables begin with their values, and are there
// for all processes of the session.
func TestGlobals(t *testing.T) {
	forVariants(t, func(t *testing.T, v variant) {
		c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
		tr := lasting(t, c, trace(t, v, filtered))
		host.Compare(t, c, tr)
		wantQuiet(t, tr)
		wantGlobals(t, tr, 1)
		host.Run(t, c, tr)
		wantGlobals(t, tr, 2)
	})
}

// wantGlobals: after so many runs of `add 20`, of which 3 to 16 pass.
func wantGlobals(t *testing.T, tr *host.Trace, runs uint64) {
	t.Helper()
	bss, data := globals(t, tr, "globals", "bss"), globals(t, tr, "globals", "data")
	if bss["seen"] != 20*runs || bss["passed"] != 14*runs || bss["weighed"] != runs*(4*1+3*10+3*100+4*1) {
		t.Errorf("run %d: .bss %v", runs, bss)
	}
	if data["started"] != 1000+20*1000*runs || data["last[0]"] != 16 || data["last[1]"] != 32 {
		t.Errorf("run %d: .data %v", runs, data)
	}
	name := ""
	for i := 0; bss[fmt.Sprintf("called[%d]", i)] != 0; i++ {
		name += string(rune(bss[fmt.Sprintf("called[%d]", i)]))
	}
	if name != "somebody" {
		t.Errorf("run %d: called %q", runs, name)
	}
}
