// live-load publishes and watches live lectures, and prints what that was like as JSON:
//
//	live-load publish -url WHIP -picture FILE -sound FILE    until its input ends; prints "publishing" when it does
//	live-load watch -url WHEP -viewers 50 -late 20           viewers by WebRTC, and some who come late
//	live-load hls -url ADDRESS -viewers 50                   readers of low-latency HLS: blocking reloads and parts
//
// Nothing is decoded: the publisher writes the time into each picture, and viewers read it there.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// options are those of all three.
type options struct {
	url, logins, picture, sound string
	viewers, late, pid          int
	rate                        int
	measured, settle            time.Duration
	ramp, lateRamp              time.Duration
	// One Authorization header for each viewer, in turn.
	headers []string
}

func read() (string, options, error) {
	if len(os.Args) < 2 {
		return "", options{}, fmt.Errorf("usage: live-load publish|watch|hls -url URL")
	}
	var o options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&o.url, "url", "", "where to publish, to watch or to read; JSON with hls_url leads to the playlist")
	flags.StringVar(&o.logins, "logins", "", "a file with an Authorization header for each viewer in a line")
	flags.StringVar(&o.picture, "picture", "", "H.264 without B-frames, as a byte stream")
	flags.StringVar(&o.sound, "sound", "", "packets of Opus of 80 bytes and 20 ms")
	flags.IntVar(&o.rate, "rate", 30, "pictures a second")
	flags.IntVar(&o.viewers, "viewers", 1, "how many watch or read")
	flags.IntVar(&o.late, "late", 0, "how many more come after the measured time")
	flags.IntVar(&o.pid, "pid", 0, "the server's process, to measure it with its children")
	flags.DurationVar(&o.measured, "measured", 15*time.Second, "the measured time")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "the time before it, when everybody is there")
	flags.DurationVar(&o.ramp, "ramp", 10*time.Millisecond, "the time between two viewers who come")
	flags.DurationVar(&o.lateRamp, "late-ramp", 170*time.Millisecond, "the time between two who come late")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return "", o, err
	}
	if o.logins == "" {
		return os.Args[1], o, nil
	}
	file, err := os.Open(o.logins)
	if err != nil {
		return "", o, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		o.headers = append(o.headers, lines.Text())
	}
	return os.Args[1], o, lines.Err()
}

// header is the login of a viewer.
func (o *options) header(viewer int) string {
	if len(o.headers) == 0 {
		return ""
	}
	return o.headers[viewer%len(o.headers)]
}

func main() {
	command, o, err := read()
	var found any
	if err == nil {
		switch command {
		case "publish":
			found, err = publish(&o)
		case "watch":
			found, err = watch(&o)
		case "hls":
			found, err = readAll(&o)
		default:
			err = fmt.Errorf("%s is neither publish nor watch nor hls", command)
		}
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "live-load:", err)
		os.Exit(1)
	}
}
