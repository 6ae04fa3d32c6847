package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// theWorkshop is compiled once for all tests.
var theWorkshop *workshop

func TestMain(m *testing.M) {
	w, err := newWorkshop(context.Background(), options{rounds: 2})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	theWorkshop = w
	code := m.Run()
	w.close()
	os.Exit(code)
}

func newTestBench(t *testing.T, e experiment) *bench {
	t.Helper()
	h, err := startHost(theWorkshop, baseEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	})
	b := newBench(theWorkshop, e)
	b.host = h
	return b
}

func TestEverySiteComputesTheSame(t *testing.T) {
	for _, e := range []experiment{hot, cold, helpers, asked, inMaps} {
		b := newTestBench(t, e)
		for _, s := range e.sites {
			if _, err := b.host.check(s.name, 100); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

func TestHostCountsItsOwnTrampolines(t *testing.T) {
	for _, e := range []experiment{hot, cold} {
		b := newTestBench(t, e)
		for _, s := range e.sitesOf(hostItself) {
			if err := b.check(s); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

// A probe that is not there must be an error and no fast row: here nobody put one on the kernel's sites.
func TestMissingProbeIsNotTimed(t *testing.T) {
	b := newTestBench(t, hot)
	b.kernel = &kernelProbes{}
	b.without(theAgent, errAbsent)
	for _, s := range b.sitesOf(theKernel) {
		b.no[s.name] = b.check(s)
	}
	if err := b.no["kernel_nop5_both"]; err == nil || err.Error() != "1000 calls counted 0 hits, not 2000" {
		t.Errorf("check = %v", err)
	}
	for _, name := range b.live() {
		if strings.HasPrefix(name, "kernel") || strings.HasPrefix(name, "ours") {
			t.Errorf("%s is to be timed", name)
		}
	}
	row := b.makeRow(row{site: "kernel_nop5_both", base: "plain"}, timing{})
	if row.Figure != nil || row.Failed == "" {
		t.Errorf("row = %+v", row)
	}
}

func TestTimeReportsEveryRoundAndCall(t *testing.T) {
	b := newTestBench(t, hot)
	got, err := b.host.time(b.w.o, []string{"plain", "limit_both"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain", "limit_both"} {
		if s := got.samples[name]; s == nil || len(s.values) != 2 || got.calls[name] == 0 {
			t.Errorf("%s: %+v, %d calls", name, s, got.calls[name])
		}
	}
	if got.best <= 0 {
		t.Errorf("reference level %v", got.best)
	}
}

func TestHostRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, line := range []string{"check 1 nothing\n", "time 1 0 nothing\n", "sing\n"} {
		cmd := exec.Command(theWorkshop.path("host"), "0")
		cmd.Stdin = strings.NewReader(line)
		out, _ := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "error ") {
			t.Errorf("%q: exit code %d, output %q", line, code, out)
		}
	}
}

func TestTakeTimingLines(t *testing.T) {
	got := timing{samples: map[string]*series{}, calls: map[string]uint64{}}
	for _, line := range []string{"sample plain 0 1.5000 2.7500", "sample plain 1 1.2500 2.8000", "calls plain 420", "timed 2.7000"} {
		if err := got.take(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	want := timing{
		samples: map[string]*series{"plain": {values: []float64{1.5, 1.25}, references: []float64{2.75, 2.8}}},
		calls:   map[string]uint64{"plain": 420},
		best:    2.7,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := got.take("error no variant x"); err == nil {
		t.Error("an error line was taken for an answer")
	}
}

func TestParseStarts(t *testing.T) {
	got, err := parseStarts([]byte("sample none 0 750000 650000 80 2.8\nsample none 1 800000 660000 81 2.9\ntimed 2.8\n"))
	if err != nil {
		t.Fatal(err)
	}
	references := []float64{2.8, 2.9}
	want := starts{
		wall:   map[string]*series{"none": {[]float64{0.75, 0.8}, references}},
		cpu:    map[string]*series{"none": {[]float64{0.65, 0.66}, references}},
		faults: map[string]*series{"none": {[]float64{80, 81}, references}},
		best:   2.8,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseStarts([]byte("failed none 256\n")); err == nil {
		t.Error("a failed start was taken for a sample")
	}
}

// A library that the dynamic linker ignores costs nothing, and must not pass for a fast one.
func TestIgnoredLibraryIsAnError(t *testing.T) {
	_, err := startMany(theWorkshop, 1, []startVariant{{name: "gone", env: []string{"LD_PRELOAD=/nowhere/gone.so"}}})
	if err == nil || !strings.Contains(err.Error(), "gone.so") {
		t.Errorf("starting with a missing library: %v", err)
	}
}

func TestWorkshopLeavesNothing(t *testing.T) {
	w, err := newWorkshop(context.Background(), options{})
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	for _, dir := range []string{w.dir, w.rundir} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func TestWeighSleep(t *testing.T) {
	got := map[string]*series{}
	if err := weighSleep(theWorkshop, nil, got); err != nil {
		t.Fatal(err)
	}
	if threads := got["threads"].values; !reflect.DeepEqual(threads, []float64{1}) {
		t.Errorf("sleep has %v threads", threads)
	}
	if rss := got["rss"].values; len(rss) != 1 || rss[0] < 100 {
		t.Errorf("sleep has an RSS of %v KiB", rss)
	}
}

func TestCountRelocations(t *testing.T) {
	source := theWorkshop.path("pointers.c")
	if err := os.WriteFile(source, []byte("extern int a[64];\nint a[64], *p[3] = {a, a + 1, a + 2};\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, flag := range map[string]string{"rela.so": "-Wl,-z,nopack-relative-relocs", "relr.so": "-Wl,-z,pack-relative-relocs"} {
		out, err := exec.Command("gcc", "-shared", "-nostdlib", "-fPIC", "-Wl,-Bsymbolic", "-o", theWorkshop.path(name), source, flag).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if got := relocations(theWorkshop.path(name)); got != 3 {
			t.Errorf("%s: %d relocations, want 3", name, got)
		}
	}
}

func TestSpecs(t *testing.T) {
	for _, c := range []struct {
		site site
		want []string
	}{
		{site{name: "ours_both", entries: 1, returns: 1}, []string{"uprobe//bin/host:f_ours_both", "uretprobe//bin/host:f_ours_both"}},
		{site{name: "ours_entry2", entries: 2}, []string{"uprobe//bin/host:f_ours_entry2", "uprobe//bin/host:f_ours_entry2"}},
		{site{name: "sweep_ours", entries: 1, pattern: "f_cold_ours_*"}, []string{"uprobe.multi//bin/host:f_cold_ours_*"}},
	} {
		if got := c.site.specs("/bin/host"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.site.name, got, c.want)
		}
	}
}

func TestManifest(t *testing.T) {
	const want = `session: start
objects:
  - gadget: funccount
    args:
      - "uprobe/libc:exit"
      - "uretprobe//bin/host:f_ours_both"
process:
  exe: "*/nginx"
`
	if got := (manifest{"start", []string{"uprobe/libc:exit", "uretprobe//bin/host:f_ours_both"}, "*/nginx", nil, ""}).String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestManifestOfPrograms(t *testing.T) {
	const want = `session: use
objects:
  - path: /o/maps.bpf.o
    attach:
      key: ["uprobe//bin/host:f_ours_key"]
      hash: ["uprobe//bin/host:f_ours_hash", "uprobe//bin/host:f_ours_hash+0x3"]
reads: guarded
`
	var others []other
	for _, o := range []other{
		{"/o/maps.bpf.o", "key", []string{"uprobe//bin/host:f_ours_key"}},
		{"/o/maps.bpf.o", "hash", []string{"uprobe//bin/host:f_ours_hash"}},
		{"/o/maps.bpf.o", "hash", []string{"uprobe//bin/host:f_ours_hash+0x3"}},
	} {
		others = addPlaces(others, o)
	}
	if got := (manifest{"use", nil, "", others, "guarded"}).String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
