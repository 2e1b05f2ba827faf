package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var self = os.Getpid()

// spread describes times in milliseconds.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Most  float64 `json:"most"`
}

func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{}
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		place := int(math.Ceil(float64(len(times))*share)) - 1
		return float64(times[max(place, 0)].Microseconds()) / 1000
	}
	return spread{len(times), at(0.5), at(0.95), at(0.99), at(1)}
}

// usage is what a process and all below it have used.
type usage struct {
	cpu      time.Duration
	resident int64
	at       time.Time
}

// used adds up a process and those below it, and what their ended children have used.
func used(root int) usage {
	found := usage{at: time.Now()}
	if root == 0 {
		return found
	}
	parents := map[int][]int{}
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil {
			if fields := stat(pid); len(fields) > 1 {
				parent, _ := strconv.Atoi(fields[1])
				parents[parent] = append(parents[parent], pid)
			}
		}
	}
	waiting := []int{root}
	for len(waiting) > 0 {
		pid := waiting[0]
		waiting = append(waiting[1:], parents[pid]...)
		found.cpu += clock(pid) + ended(pid)
		found.resident += resident(pid)
	}
	return found
}

// stat is the line of a process from its state on.
func stat(pid int) []string {
	line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(line), ") ")
	return strings.Fields(rest)
}

// clock is the time that all threads of a process have run, those that have ended included: clock_getcpuclockid(3).
func clock(pid int) time.Duration {
	var at unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &at) != nil {
		return 0
	}
	return time.Duration(at.Nano())
}

// ended is what the children used that a process has waited for, in ticks of 10 ms.
func ended(pid int) time.Duration {
	fields := stat(pid)
	if len(fields) < 15 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[13], 10, 64)
	system, _ := strconv.ParseInt(fields[14], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory of a process in bytes, without what files hold.
func resident(pid int) int64 {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes * 1024
}

// cost is what a measured time has cost the server.
type cost struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
	// Bytes, before anybody came and at the end.
	Before int64 `json:"memory_before"`
	After  int64 `json:"memory_after"`
	// What this program itself used meanwhile.
	Own float64 `json:"own_cpu_seconds"`
}

func costOf(before, begin, end usage, own time.Duration) cost {
	return cost{
		Seconds: end.at.Sub(begin.at).Seconds(),
		CPU:     (end.cpu - begin.cpu).Seconds(),
		Before:  before.resident,
		After:   end.resident,
		Own:     own.Seconds(),
	}
}
