package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/session"
)

func environment() config.Env { return config.EnvFrom(os.Getenv) }

// runDir is the directory of all sessions.
func runDir() (string, error) { return environment().RunDirPath(os.Geteuid(), owned) }

func owned(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && int(st.Uid) == os.Geteuid()
}

// sessionFlag adds -s.
func sessionFlag(c *cobra.Command, name *string, help string) {
	c.Flags().StringVarP(name, "session", "s", "", "`SESSION`"+help)
	_ = c.RegisterFlagCompletionFunc("session", complete(sessionNames))
}

func jsonFlag(c *cobra.Command, asJSON *bool) {
	c.Flags().BoolVar(asJSON, "json", false, "JSON, for programs")
}

// sessionNames lists this user's sessions, for the shell's completion.
func sessionNames() (out []string) {
	dirs, _ := sessionDirs("")
	for _, d := range dirs {
		out = append(out, filepath.Base(d))
	}
	return out
}

// sessionDirs lists the directories of the sessions of this user, or of the one named.
func sessionDirs(name string) ([]string, error) {
	rundir, err := runDir()
	if err != nil {
		return nil, err
	}
	if name != "" {
		if err := config.CheckSession(name); err != nil {
			return nil, usage("%w", err)
		}
		return []string{filepath.Join(rundir, name)}, nil
	}
	entries, err := os.ReadDir(rundir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(rundir, e.Name())
		if _, err := os.Lstat(filepath.Join(dir, session.FileName)); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// openSessions opens the sessions of this user, or the one named. Of several, those
// that cannot be read are told about on stderr and passed over.
func openSessions(name string) ([]*session.Session, error) {
	dirs, err := sessionDirs(name)
	if err != nil {
		return nil, err
	}
	var out []*session.Session
	for _, dir := range dirs {
		s, err := session.Open(dir)
		switch {
		case err == nil:
			out = append(out, s)
		case name == "":
			warn("%v", err)
		case errors.Is(err, fs.ErrNotExist):
			return nil, noSession(name, filepath.Dir(dir))
		default:
			return nil, err
		}
	}
	return out, nil
}

func noSession(name, rundir string) error {
	return fmt.Errorf("no session %q in %s%s", name, rundir, didYouMean("", name, sessionNames()))
}

func closeAll(ss []*session.Session) {
	for _, s := range ss {
		s.Close()
	}
}

// warn says something that is no reason to stop.
func warn(format string, args ...any) {
	fmt.Fprint(os.Stderr, show.Clean(fmt.Sprintf("bpftime: "+format+"\n", args...)))
}

// sessionName is the session that readers are meant to read; empty: all of them.
func sessionName(flag string) string { return cmp.Or(flag, environment().Session) }

// chosenSessions opens the session that is named by -s or BPFTIME_SESSION, or else all
// there are, at least one.
func chosenSessions(flag string) ([]*session.Session, error) {
	open, err := openSessions(sessionName(flag))
	if err == nil && len(open) == 0 {
		rundir, _ := runDir()
		return nil, fmt.Errorf("no sessions in %s: start a program with bpftime run -s NAME", rundir)
	}
	return open, err
}
