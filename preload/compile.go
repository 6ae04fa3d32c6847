package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpftime-go/bpftime/attach"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/procmaps"
	"github.com/bpftime-go/bpftime/session"
)

// handoff is the mapping shared with the host, as bytes.
type handoff []byte

func (h handoff) u32(at int) uint32      { return binary.LittleEndian.Uint32(h[at:]) }
func (h handoff) put32(at int, v uint32) { binary.LittleEndian.PutUint32(h[at:], v) }
func (h handoff) text(at, end int) string {
	s, _, _ := bytes.Cut(h[at:end], []byte{0})
	return string(s)
}

// log appends "LEVEL text\n" as long as there is room. Lines stay lines.
func (h handoff) log(level uint32, line string) {
	at := h.u32(abi.HANDOFF_LOG_SIZE)
	text := fmt.Sprintf("%d%s\n", level, strings.ReplaceAll(line, "\n", "; "))
	if level > h.u32(abi.HANDOFF_LEVEL) || int(at)+len(text) > abi.HANDOFF_LOG_MAX {
		return
	}
	copy(h[abi.HANDOFF_LOG+at:], text)
	h.put32(abi.HANDOFF_LOG_SIZE, at+uint32(len(text)))
}

// compile answers the request. Panics end here: the host only ever sees a verdict.
func compile(h handoff) {
	defer func() {
		if p := recover(); p != nil {
			h.log(abi.LEVEL_ERROR, fmt.Sprintf("the compiler failed: %v", p))
			h.put32(abi.HANDOFF_VERDICT, abi.VERDICT_ERROR)
		}
	}()
	verdict, err := answer(h)
	if err != nil {
		h.log(abi.LEVEL_ERROR, err.Error())
		verdict = abi.VERDICT_ERROR
	}
	h.put32(abi.HANDOFF_VERDICT, verdict)
}

func answer(h handoff) (uint32, error) {
	m, env, err := h.manifest()
	if err != nil {
		return 0, err
	}
	h.put32(abi.HANDOFF_ABORT, map[bool]uint32{false: abi.ABORT_NO, true: abi.ABORT_YES}[m.OnError == config.Abort])
	if !m.Process.Match(h.text(abi.HANDOFF_EXE, abi.HANDOFF_LOG)) {
		return abi.VERDICT_NOT_FOR_US, nil
	}
	name, err := env.SessionName(m)
	if err != nil {
		return 0, err
	}
	copy(h[abi.HANDOFF_SESSION:abi.HANDOFF_RUNDIR], name+"\x00")
	dir, err := h.sessionDir(name)
	if err != nil {
		return 0, err
	}
	p, err := h.plan(m, dir)
	if err != nil {
		return 0, err
	}
	return abi.VERDICT_PLAN, h.write(p)
}

func (h handoff) late() bool { return h.u32(abi.HANDOFF_MODE) == abi.MODE_LATE }

// manifest parses what BPFTIME_MANIFEST names. A late compiler may not be able to
// read the file: it is given the text as it was at the start, if that was short.
func (h handoff) manifest() (*config.Manifest, config.Env, error) {
	env := config.Env{
		Manifest: h.text(abi.HANDOFF_MANIFEST, abi.HANDOFF_PLAN),
		Session:  h.text(abi.HANDOFF_SESSION, abi.HANDOFF_RUNDIR),
	}
	if h.late() {
		text := h.text(abi.HANDOFF_MANIFEST+len(env.Manifest)+1, abi.HANDOFF_PLAN)
		if text != "" {
			m, err := config.Parse(env.Manifest, filepath.Dir(env.Manifest), []byte(text))
			return m, env, err
		}
	}
	m, err := env.Load()
	return m, env, err
}

func (h handoff) sessionDir(name string) (string, error) {
	rundir := h.text(abi.HANDOFF_RUNDIR, abi.HANDOFF_EXE)
	if h.late() {
		return filepath.Join(rundir, name), nil
	}
	return session.MakeDir(rundir, name)
}

func (h handoff) plan(m *config.Manifest, dir string) (*plan.Plan, error) {
	r := attach.Request{Manifest: m, Dir: dir, Log: h.log, Late: h.late(), PID: os.Getppid(), Progress: progress}
	if r.Late {
		r.Modules = h.newModules()
		return attach.Compile(r)
	}
	ms, err := procmaps.Read(0)
	if err != nil {
		return nil, err
	}
	r.IFunc, r.Peek, r.Self, r.Maps = resolve, peek, self(), ms
	if r.Modules, err = elfsym.Modules(ms, elfsym.Open); err != nil {
		return nil, err
	}
	return attach.Compile(r)
}

// newModules are the files that were just mapped: all that is needed of them is
// on disk.
func (h handoff) newModules() (out []*elfsym.Module) {
	for at := abi.HANDOFF_MODULES; at < abi.HANDOFF_MANIFEST; {
		path := h.text(at, abi.HANDOFF_MANIFEST)
		if path == "" {
			break
		}
		at += len(path) + 1
		f, err := elfsym.Open(path)
		out = append(out, &elfsym.Module{Path: path, File: f, Err: err})
	}
	return out
}

func (h handoff) write(p *plan.Plan) error {
	b, err := p.Encode()
	if err != nil {
		return err
	}
	if room := len(h) - abi.HANDOFF_PLAN; len(b) > room {
		return fmt.Errorf("the plan has %d bytes, %d are possible: attach to fewer functions", len(b), room)
	}
	copy(h[abi.HANDOFF_PLAN:], b)
	h.put32(abi.HANDOFF_PLAN_SIZE, uint32(len(b)))
	return nil
}
