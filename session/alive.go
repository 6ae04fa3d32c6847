package session

import (
	"bytes"
	"os"
	"strconv"
)

// Alive tells whether the process still runs, where this process can know: in the
// same PID namespace. Elsewhere the answer is no.
func (p Process) Alive() bool {
	if p.PID == 0 || p.PIDNS != pidns() {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/stat")
	if err != nil {
		return false
	}
	start, state, ok := parseStat(stat)
	return ok && state != 'Z' && (p.Start == 0 || p.Start == start)
}

// parseStat reads the fields 3 and 22 of /proc/PID/stat, which follow a command in
// parentheses that may hold anything.
func parseStat(stat []byte) (start uint64, state byte, ok bool) {
	at := bytes.LastIndexByte(stat, ')')
	if at < 0 {
		return 0, 0, false
	}
	fields := bytes.Fields(stat[at+1:])
	if len(fields) < 20 {
		return 0, 0, false
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return start, fields[0][0], err == nil
}

// pidns is the inode of this process's PID namespace: "pid:[4026531836]".
func pidns() uint64 {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || len(link) < 7 {
		return 0
	}
	n, _ := strconv.ParseUint(link[5:len(link)-1], 10, 64)
	return n
}
