package objects

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/link"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// inside are programs that are probed at instructions of functions of their own.
var inside = []struct {
	name, file string
	args       []string
	env        []string
	functions  []string
}{
	{"bash", "/bin/bash", []string{"-c", "for ((i = 0; i < 200; i++)); do x[i]=$((i * i)); printf '%s ' \"${x[i]%1}\"; done; (exit 3); echo $?"}, nil,
		[]string{"execute_command_internal", "expand_word_list_internal", "hash_search", "xmalloc", "strvec_len", "remove_quoted_nulls", "array_insert", "array_reference"}},
	{"python3", "/usr/bin/python3", []string{"-S", "-c", "print(sum(int(str(i * i)[::-1]) for i in range(500)))"}, []string{"PYTHONHOME=/usr", "PYTHONHASHSEED=0"},
		[]string{"_PyEval_EvalFrameDefault", "PyDict_GetItem", "PyUnicode_Join", "PyLong_FromString", "PyObject_GetAttr", "PyNumber_Multiply"}},
}

// TestInside: programs at instructions all over some functions change nothing, and count what the kernel counts there.
func TestInside(t *testing.T) {
	for _, p := range inside {
		t.Run(p.name, func(t *testing.T) {
			host.Require(t, p.name)
			own := filepath.Join(host.BinDir(t), "own-"+p.name) // so that nobody else runs the kernel's probes
			run(t, "cp", "-L", p.file, own)
			points := pointsIn(t, own, p.functions)
			if len(points) < 30 {
				t.Fatalf("%d points in %s", len(points), p.file)
			}
			v := anyVariant(t)
			c := host.Cmd{Args: append([]string{own}, p.args...), Dir: host.WorkDir(t), Env: p.env}
			tr := trace(t, v, "objects:\n- {path: OBJ/tally.bpf.o, attach: {tally: ["+cookiesAt(own, points)+"]}}\n")
			host.Compare(t, c, tr)
			attached := attachedOf(t, tr, own, points)
			if 10*len(attached) < 9*len(points) {
				t.Errorf("%d of %d points are attached", len(attached), len(points))
			}
			got := table(t, tr, "tally.by_cookie")
			hit := 0
			for i := range attached {
				if got[uint64(i)] > 0 {
					hit++
				}
			}
			t.Logf("%d points, %d attached, %d hit", len(points), len(attached), hit)
			if hit < 10 {
				t.Errorf("%d points are hit", hit)
			}
			likeAgent(t, &c, tr)
			kernel := insideKernel(t, v.image(t, "tally"), own, c, attached)
			if kernel == nil {
				return
			}
			want := kernel.wide("by_cookie")
			for i, p := range attached {
				if got[uint64(i)] != want[uint64(i)][0] {
					t.Errorf("%s+%#x: %d hits, the kernel counted %d", p.function, p.offset, got[uint64(i)], want[uint64(i)][0])
				}
			}
		})
	}
}

// insidePoint is an instruction of a function.
type insidePoint struct {
	function string
	offset   uint64
}

// pointsIn spreads 60 points over the functions.
func pointsIn(t *testing.T, path string, functions []string) (points []insidePoint) {
	t.Helper()
	for _, name := range functions {
		starts := host.Instructions(t, path, name)
		n := min(60/len(functions), len(starts)-1)
		for i := range max(n, 0) {
			points = append(points, insidePoint{name, starts[1+i*(len(starts)-1)/n]})
		}
	}
	return points
}

func (p insidePoint) spec(file string) string {
	return fmt.Sprintf("uprobe/%s:%s+%#x", file, p.function, p.offset)
}

func cookiesAt(file string, points []insidePoint) string {
	var out []string
	for i, p := range points {
		out = append(out, fmt.Sprintf("{at: %q, cookie: %d}", p.spec(file), i))
	}
	return strings.Join(out, ", ")
}

// attachedOf are the points that were not refused, by their cookies.
func attachedOf(t *testing.T, tr *host.Trace, file string, points []insidePoint) map[int]insidePoint {
	t.Helper()
	links, out := tr.Links(t), map[int]insidePoint{}
	for i, p := range points {
		l, ok := links[p.spec(file)]
		switch {
		case !ok || l.Misses != 0:
			t.Errorf("%s: %v", p.spec(file), l)
		case l.Error != "":
			t.Logf("%s+%#x: %s", p.function, p.offset, l.Error)
		default:
			out[i] = p
		}
	}
	return out
}

// insideKernel counts the same in the kernel, if that is possible.
func insideKernel(t *testing.T, image []byte, file string, c host.Cmd, points map[int]insidePoint) *witness {
	t.Helper()
	w, _ := probe(t, image, file)
	if w == nil {
		return nil
	}
	to, err := link.OpenExecutable(file)
	if err != nil {
		t.Fatal(err)
	}
	o := &link.UprobeMultiOptions{}
	var functions []string
	for i, p := range points {
		functions = append(functions, p.function)
		o.Offsets, o.Cookies = append(o.Offsets, p.offset), append(o.Cookies, uint64(i))
	}
	l, err := to.UprobeMulti(functions, w.maps.Programs["tally"], o)
	if err != nil {
		t.Logf("no second witness: %v", err)
		return nil
	}
	defer l.Close()
	host.Run(t, c, nil)
	return w
}
