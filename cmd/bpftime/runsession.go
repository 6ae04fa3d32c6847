package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/session"
)

// A runSession is the session of one run.
type runSession struct {
	rundir, name string
	dir          string
	labels       map[string][]string // of maps
	tool         *toolRun            // how it is shown; nil: as any other
	lock         *os.File            // held while the session is our own
	once         sync.Once
}

// ownPrefix begins the names of sessions that are removed when their run ends.
const ownPrefix = "run-"

// openRunSession makes the directory of the named session, or of one of our own.
func openRunSession(flag string, m *config.Manifest) (*runSession, error) {
	rundir, err := runDir()
	if err != nil {
		return nil, err
	}
	env := environment()
	switch {
	case flag != "":
		if err := config.CheckSession(flag); err != nil {
			return nil, usage("%w", err)
		}
	case env.Session != "" || m.Session != "":
		if flag, err = env.SessionName(m); err != nil {
			return nil, err
		}
	default:
		return ownSession(rundir)
	}
	dir, err := session.MakeDir(rundir, flag)
	if err != nil {
		return nil, err
	}
	return &runSession{rundir: rundir, name: flag, dir: dir}, nil
}

// ownSession makes a session under a name that nobody has. A lock on its directory says
// that its run lives: what a killed run left behind is removed by the next one. It is
// filled only once it is locked, since another run may remove it before.
func ownSession(rundir string) (*runSession, error) {
	removeStale(rundir)
	for n := range 100 {
		name := fmt.Sprintf("%s%d", ownPrefix, os.Getpid())
		if n > 0 {
			name += fmt.Sprintf("-%d", n)
		}
		lock, err := claim(rundir, name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &runSession{rundir: rundir, name: name, dir: filepath.Join(rundir, name), lock: lock}, nil
	}
	return nil, fmt.Errorf("no free name for a session in %s: give one with -s", rundir)
}

// claim makes and locks a session's directory; fs.ErrExist: it is somebody else's, or was
// taken away.
func claim(rundir, name string) (*os.File, error) {
	dir := filepath.Join(rundir, name)
	_ = os.Mkdir(rundir, 0o700)
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil, err
	} else if err == nil {
		lock, err := lockDir(dir)
		if err != nil {
			return nil, err
		}
		_, err = session.MakeDir(rundir, name)
		return lock, err
	}
	_, err := session.MakeDir(rundir, name) // says what is wrong
	return nil, cmp.Or(err, fs.ErrExist)
}

// lockDir locks a directory that is still there once it is locked; fs.ErrExist: somebody
// else has it.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrExist
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fs.ErrExist
	}
	var held, there unix.Stat_t
	if unix.Fstat(int(f.Fd()), &held) != nil || unix.Lstat(dir, &there) != nil || held.Ino != there.Ino {
		f.Close()
		return nil, fs.ErrExist
	}
	return f, nil
}

// removeStale removes sessions of runs that were killed, once their processes are gone.
func removeStale(rundir string) {
	dirs, _ := filepath.Glob(filepath.Join(rundir, ownPrefix+"*"))
	for _, dir := range dirs {
		lock, err := lockDir(dir)
		if err != nil {
			continue
		}
		if !anyAlive(dir) {
			os.RemoveAll(dir)
		}
		lock.Close()
	}
}

func anyAlive(dir string) bool {
	s, err := session.Open(dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer s.Close()
	return anyAliveIn([]*session.Session{s})
}

// end removes the session if it is our own.
func (s *runSession) end() {
	s.once.Do(func() {
		if s.lock != nil {
			os.RemoveAll(s.dir)
			s.lock.Close()
		}
	})
}

// maxInline is the longest manifest that is put into the environment: the kernel
// takes 128 KiB for one variable, and programs have their own to add.
const maxInline = 32 << 10

// environment is the environment of CMD: base with the agent first in LD_PRELOAD, and
// what the agent is to do. A manifest that is for some processes only is a file, which
// the agent reads at a glance; other processes then cost next to nothing.
func (s *runSession) environment(base []string, agent string, m *config.Manifest) ([]string, error) {
	text, err := m.Inline()
	if err != nil {
		return nil, err
	}
	if m.Process.Exe != "" || len(text) > maxInline {
		if text, err = s.keep(text); err != nil {
			return nil, err
		}
	}
	preload := agent
	var env []string
	for _, v := range base {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case config.ManifestVar, config.SessionVar, config.RunDirVar:
		case preloadVar:
			if value != "" {
				preload += ":" + value
			}
		default:
			env = append(env, v)
		}
	}
	return append(env, preloadVar+"="+preload, config.ManifestVar+"="+text, config.SessionVar+"="+s.name, config.RunDirVar+"="+s.rundir), nil
}

// keep writes a manifest into the session's directory, where processes that CMD leaves
// behind find it too. Its name is that of its text, so that runs do not pile up copies.
func (s *runSession) keep(text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	path := filepath.Join(s.dir, fmt.Sprintf("manifest-%x.yaml", sum[:8]))
	own := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, os.Rename(own, path)
}

const preloadVar = "LD_PRELOAD"
