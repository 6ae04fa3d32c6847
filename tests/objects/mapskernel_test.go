package objects

import (
	"bytes"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestKernelMaps: the same objects in the kernel end with the same global variables: tail calls, callbacks, queues, stacks,
// filters and maps of maps, with their errors.
func TestKernelMaps(t *testing.T) {
	for object, program := range map[string]string{"tailcalls": "first", "loops": "many", "queues": "on_add", "nested": "on_add", "rest": "on_add"} {
		t.Run(object, func(t *testing.T) {
			v := anyVariant(t)
			where := places{program: program, functions: []string{"add"}}
			c := host.Cmd{Args: []string{target(t), "add", "20"}, Dir: host.WorkDir(t)}
			w := inKernel(t, v.image(t, object), target(t), c, where)
			tr := lasting(t, c, trace(t, v, "objects: [{path: OBJ/"+object+".bpf.o, attach: {"+where.cookies(target(t))+"}}]"))
			host.Run(t, c, tr)
			wantQuiet(t, tr)
			if w == nil {
				return
			}
			want, err := w.maps.Maps[".bss"].LookupBytes(make([]byte, 4))
			if err != nil {
				t.Fatal(err)
			}
			got, err := opened(t, tr, object+".bss").Lookup(make([]byte, 4))
			if err != nil || !bytes.Equal(got[0], want) {
				t.Errorf("variables %v\n%x, %v; the kernel's\n%x", globals(t, tr, object, "bss"), got, err, want)
			}
		})
	}
}
