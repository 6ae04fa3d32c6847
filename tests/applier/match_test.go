package applier

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A question to the gate: a pattern, or a manifest, and the path of an executable.
type question struct{ text, exe string }

// askGate compiles the gate's scanner with the sanitizers and asks it: one line of answer each.
func askGate(t *testing.T, kind byte, questions []question) []string {
	t.Helper()
	gate := program(t, "match", []string{
		"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections",
	}, "match.c", "session.c")
	var in, stderr bytes.Buffer
	for _, q := range questions {
		in.WriteByte(kind)
		for _, s := range []string{q.text, q.exe} {
			in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
			in.WriteString(s)
		}
	}
	cmd := exec.Command(gate)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions: %v\n%.4000s", len(answers), len(questions), err, &stderr)
	}
	return answers
}

// fragments of patterns and paths: what is special to one of the two matchers, and bytes beyond ASCII.
var patternPieces = []string{
	"*", "**", "?", "[", "]", "[a-c]", "[!a]", "[^/]", "[]a]", "[!]]", "[a-]", "[-a]", "[a-é]", "[é]", "[\x80-\xff]", "[a",
	"a", "b", "c", "ab", "/", "//", "-", "!", "^", "\\", "\\*", "é", "\xff", "\x80", " ", ".", "nginx", "[[]", "[*?]", "[c-a]",
}

var pathPieces = []string{"a", "b", "c", "/", "/a", "ab", "-", "]", "[", "!", "^", "\\", "*", "é", "\xff", "\x80", " ", "nginx", "(deleted)"}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// mostly picks the first, and one of the others now and then.
func mostly(r *rand.Rand, from []string) string {
	if r.IntN(8) > 0 {
		return from[0]
	}
	return pick(r, from)
}

func pieces(r *rand.Rand, from []string, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString(pick(r, from))
	}
	return b.String()
}

func globTable(t *testing.T) (list []question) {
	t.Helper()
	for line := range strings.Lines(readFile(t, filepath.Join(host.Root(t), "config/testdata/exe-globs.txt"))) {
		if cells := strings.Split(line, "\t"); len(cells) == 3 && line[0] != '#' {
			list = append(list, question{cells[0], cells[1]})
		}
	}
	if len(list) < 60 {
		t.Fatalf("only %d rows", len(list))
	}
	return list
}

// TestGlob: both matchers give the same answer, for the table of config and for random patterns.
func TestGlob(t *testing.T) {
	list := globTable(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range host.Scale(200_000, 10_000_000) {
		list = append(list, question{pieces(r, patternPieces, 6), "/" + pieces(r, pathPieces, 6)})
	}
	wrong := 0
	for i, answer := range askGate(t, 'g', list) {
		q := list[i]
		if q.text == "" {
			continue // no pattern: the gate does not ask
		}
		if want := (config.Process{Exe: q.text}).Match(q.exe); (answer == "1") != want {
			if wrong++; wrong <= 10 {
				t.Errorf("%q matches %q: the gate says %s, config %v", q.text, q.exe, answer, want)
			}
		}
	}
	if wrong > 10 {
		t.Errorf("and %d more", wrong-10)
	}
}

// Manifests are built from lines that are nearly right, so that most of them can be parsed.
var (
	exePieces = []string{
		"a", "*/a", "/bin/*", "b*", "nginx", "'*/nginx'", `"/bin/a"`, "[a-c]", "'[a-c]*'", "x y", "a#b", "a #b", "'a #b'", "~", "null", "*",
		"'*'", "&x a", "!x a", "|", ">", "a: b", "a, b", "{a}", "[a, b]", `"\x61"`, "''", `""`, "- a", "@a", "`a`", "%a", "é*", "'[a-é]'", "yes", "12",
		"a'b", `a"b`, "'a''b'", "a\\b", "a\tb", "? a", "=", "a:b", "a:", "?", "??", "!a", "b", "/a", "/b",
	}
	spaces   = []string{" ", "  ", "", "\t"}
	comments = []string{"", " # it's", " #", "#x", "\t# x", " # a 'quoted' word"}
	endings  = []string{"\n", "\n\n", "\r\n", "\n# x\n", "\n  # y\n", "\n   \n", ""}
	names    = []string{"web", "'web'", `"w.e-b_1"`, "default", "../x", ".x", "", strings.Repeat("n", 64), strings.Repeat("n", 65), strings.Repeat("n", 200), "a b", "12"}
	onErrors = []string{"abort", "continue", "'abort'", `"abort"`, "Abort", "abort ", ""}
	objects  = []string{
		"objects: [{gadget: funccount, args: [uprobe/libc:malloc]}]\n", "objects:\n  - gadget: funccount\n    args: [uprobe/libc:malloc]\n",
		"objects:\n- gadget: funccount\n", "objects: [{gadget: funccount}]\n", "objects:\n  - {gadget: funccount,\n     args: [x]}\n",
		"objects:\n  -\n    gadget: funccount\n    args:\n      - process\n", "objects:\n  - gadget: funccount\n    args: ['\n  process: {exe: zzz}\n  ']\n",
		"\"objects\": [{gadget: funccount}]\n",
	}
)

// manifest makes one of a seeded sequence of texts.
func manifest(r *rand.Rand) string {
	parts := []string{mostly(r, objects)}
	if r.IntN(8) > 0 {
		parts = append(parts, process(r))
	}
	if r.IntN(2) == 0 {
		parts = append(parts, "session:"+mostly(r, spaces)+pick(r, names)+mostly(r, comments)+mostly(r, endings))
	}
	if r.IntN(2) == 0 {
		parts = append(parts, "on_error:"+mostly(r, spaces)+pick(r, onErrors)+mostly(r, comments)+mostly(r, endings))
	}
	if r.IntN(30) == 0 {
		parts = append(parts, pick(r, []string{"---\n", "...\n", "%YAML 1.2\n", "{}\n", "x: y\n", "\ufeff", "- a\n", process(r)}))
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return mutate(r, strings.Join(parts, ""))
}

func process(r *rand.Rand) string {
	key, exe := mostly(r, []string{"process", "'process'", "process ", "Process"}), pick(r, exePieces)
	name := mostly(r, []string{"exe", `"exe"`, "exe ", "exec"})
	switch r.IntN(4) {
	case 0:
		return key + ":" + mostly(r, spaces) + "{" + mostly(r, spaces) + name + ":" + mostly(r, spaces) + exe + mostly(r, spaces) + "}" + mostly(r, comments) + mostly(r, endings)
	case 1:
		return key + ":" + mostly(r, comments) + mostly(r, endings) + "  " + name + ":" + mostly(r, spaces) + exe + mostly(r, comments) + mostly(r, endings)
	case 2:
		return key + ":\n  " + name + ": " + exe + "\n" + pick(r, []string{"    more\n", "  exe: b\n", "\n", "# c\n", " x\n", "\n\n    more\n"})
	}
	return key + ":\n" + pick(r, []string{"  ", " ", "", "    "}) + name + ": " + exe + "\n"
}

// mutate changes a byte or two in some of the texts.
func mutate(r *rand.Rand, s string) string {
	b := []byte(s)
	for range max(0, r.IntN(6)-3) {
		const special = " \n\t:#'\"{}[],&*!|>-?\\\r\x00\x85a"
		switch i := r.IntN(len(b)); r.IntN(3) {
		case 0:
			b[i] = special[r.IntN(len(special))]
		case 1:
			b = append(b[:i], b[i+1:]...)
		default:
			b = append(b[:i], append([]byte{special[r.IntN(len(special))]}, b[i:]...)...)
		}
	}
	return string(b)
}

// TestGlance: what the gate says is not for this process, is not for it by the whole parser's word. What it reads of
// session and on_error, for the case that the compiler dies, is what stands there; it may overlook them.
func TestGlance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	paths := []string{"/bin/a", "/usr/sbin/nginx", "/b", "/bin/x y", "/opt/é", "/opt/a'b", "/n/null", "/[a-c]", "", "/bin/~"}
	var list []question
	for range host.Scale(100_000, 5_000_000) {
		list = append(list, question{manifest(r), pick(r, paths)})
	}
	said := map[byte]int{}
	valid, wrong := 0, 0
	for i, answer := range askGate(t, 'm', list) {
		q := list[i]
		said[answer[0]]++
		m, err := config.Parse("m.yaml", "/", []byte(q.text))
		if err != nil {
			continue
		}
		valid++
		if d := disagreement(answer, m, q.exe); d != "" {
			if wrong++; wrong <= 10 {
				t.Errorf("%s; in %q, manifest:\n%s", d, q.exe, q.text)
			}
		}
	}
	t.Logf("%d manifests, %d valid; the gate said no %d, yes %d, unsure %d times", len(list), valid, said['N'], said['Y'], said['?'])
	if wrong > 10 {
		t.Errorf("and %d more", wrong-10)
	}
	if valid < len(list)/10 || said['N'] < len(list)/50 || said['Y'] < len(list)/50 {
		t.Error("the manifests are too seldom valid, or the gate too seldom sure, to test much")
	}
}

// disagreement of the gate's answer with the parsed manifest.
func disagreement(answer string, m *config.Manifest, exe string) string {
	verdict, abort, session := answer[0], answer[1] == 'a', answer[2:]
	switch {
	case verdict == 'N' && m.Process.Match(exe):
		return fmt.Sprintf("the gate says no, but the pattern %q matches", m.Process.Exe)
	case session != "" && session != m.Session:
		return fmt.Sprintf("the gate reads session %q, the parser %q", session, m.Session)
	case abort && m.OnError != config.Abort:
		return fmt.Sprintf("the gate reads on_error: abort, the parser %v", m.OnError)
	}
	return ""
}

// TestGlanceSees: what must not be overlooked, since it decides what becomes of a process whose compiler dies.
func TestGlanceSees(t *testing.T) {
	cases := []struct{ text, want string }{
		{"objects:\n  - {gadget: mallocs}\non_error: abort\n", "Ya"},
		{"objects:\n- gadget: mallocs\n- path: x.bpf.o\n  rodata: {a: 1}\non_error: abort\nsession: s\n", "Yas"},
		{"objects: # all\n-\n  gadget: mallocs\non_error: abort\n", "Ya"},
		{"- gadget: mallocs\non_error: abort\n", "?-"},
	}
	var list []question
	for _, c := range cases {
		list = append(list, question{c.text, "/bin/a"})
	}
	for i, answer := range askGate(t, 'm', list) {
		if answer != cases[i].want {
			t.Errorf("%q: the gate says %q, want %q", cases[i].text, answer, cases[i].want)
		}
	}
}
