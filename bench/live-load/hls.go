package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// readers is what many readers of low-latency HLS got.
type readers struct {
	Cost      cost           `json:"cost"`
	Readers   int            `json:"readers"`
	Playlists int64          `json:"playlists"`
	Parts     int64          `json:"parts"`
	Failed    int64          `json:"failed"`
	Bits      float64        `json:"kilobits_per_reader"`
	Longest   int            `json:"longest_playlist"`
	Reload    spread         `json:"reload"`
	Newest    spread         `json:"delay"`
	Oldest    spread         `json:"oldest_delay"`
	Errors    map[string]int `json:"errors"`
}

// list is what a reader needs of a media playlist.
type list struct {
	// What to wait for next.
	sequence, part int
	blocks, skips  bool
	parts          []string
}

func parse(text string) (found list) {
	segments := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-MEDIA-SEQUENCE":
			found.sequence, _ = strconv.Atoi(value)
		case tag == "#EXT-X-SERVER-CONTROL":
			found.blocks = strings.Contains(value, "CAN-BLOCK-RELOAD=YES")
			found.skips = strings.Contains(value, "CAN-SKIP-UNTIL=")
		case tag == "#EXT-X-SKIP":
			skipped, _ := strconv.Atoi(attribute(value, "SKIPPED-SEGMENTS"))
			segments += skipped
		case tag == "#EXT-X-PART":
			found.parts = append(found.parts, attribute(value, "URI"))
			found.part++
		case line != "" && line[0] != '#':
			segments++
			found.part = 0
		}
	}
	found.sequence += segments
	return found
}

func attribute(list, name string) string {
	_, rest, _ := strings.Cut(","+list, ","+name+"=")
	if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
		text, _, _ := strings.Cut(quoted, `"`)
		return text
	}
	text, _, _ := strings.Cut(rest, ",")
	return text
}

// reader is a player that decodes nothing.
type reader struct {
	client   *http.Client
	header   string
	measured *atomic.Bool
	// Playlists and parts of the measured time.
	playlists, parts, failed, bytes int64
	longest                         int
	reloads, newest, oldest         []time.Duration
	err                             error
}

// get loads an address; returns where it came from in the end.
func (r *reader) get(ctx context.Context, address *url.URL) ([]byte, *http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	if r.header != "" {
		request.Header.Set("Authorization", r.header)
	}
	request.Header.Set("Accept", "application/json, application/vnd.apple.mpegurl;q=0.9, */*;q=0.8")
	reply, err := r.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.100s", reply.Status, body)
	}
	return body, reply, err
}

// find leads from an address to the first media playlist behind it.
func (r *reader) find(ctx context.Context, address *url.URL) (*url.URL, list, error) {
	body, reply, err := r.get(ctx, address)
	if err != nil {
		return nil, list{}, err
	}
	address = reply.Request.URL
	if strings.HasPrefix(reply.Header.Get("Content-Type"), "application/json") {
		var stream struct {
			Address string `json:"hls_url"`
		}
		if err := json.Unmarshal(body, &stream); err != nil {
			return nil, list{}, err
		}
		// From here on, the address has the right.
		r.header = ""
		if address, err = address.Parse(stream.Address); err != nil {
			return nil, list{}, err
		}
		return r.find(ctx, address)
	}
	if _, variants, isMaster := strings.Cut(string(body), "#EXT-X-STREAM-INF"); isMaster {
		lines := strings.SplitN(variants, "\n", 3)
		if len(lines) < 2 {
			return nil, list{}, fmt.Errorf("no variant: %.100s", body)
		}
		if address, err = address.Parse(strings.TrimSpace(lines[1])); err != nil {
			return nil, list{}, err
		}
		return r.find(ctx, address)
	}
	found := parse(string(body))
	if !found.blocks {
		return nil, list{}, fmt.Errorf("no reload that waits: %.100s", body)
	}
	return address, found, nil
}

// reload waits for the next part in the playlist.
func (r *reader) reload(ctx context.Context, address *url.URL, known list) (list, error) {
	next, query := *address, address.Query()
	query.Set("_HLS_msn", strconv.Itoa(known.sequence))
	query.Set("_HLS_part", strconv.Itoa(known.part))
	if known.skips {
		query.Set("_HLS_skip", "YES")
	}
	next.RawQuery = query.Encode()
	begun := time.Now()
	body, _, err := r.get(ctx, &next)
	if err != nil {
		return list{}, err
	}
	if r.measured.Load() {
		r.playlists++
		r.bytes += int64(len(body))
		r.longest = max(r.longest, len(body))
		r.reloads = append(r.reloads, time.Since(begun))
	}
	return parse(string(body)), nil
}

// part loads a part and looks at the times in its pictures.
func (r *reader) part(ctx context.Context, address *url.URL) error {
	body, _, err := r.get(ctx, address)
	if err != nil || !r.measured.Load() {
		return err
	}
	r.parts++
	r.bytes += int64(len(body))
	if at, ok := stamped(body, bytes.Index(body, mark)); ok {
		r.oldest = append(r.oldest, time.Since(at))
	}
	if at, ok := stamped(body, bytes.LastIndex(body, mark)); ok {
		r.newest = append(r.newest, time.Since(at))
	}
	return nil
}

// run reads until its context is over.
func (r *reader) run(ctx context.Context, from string) {
	address, err := url.Parse(from)
	if err != nil {
		r.err = err
		return
	}
	address, known, err := r.find(ctx, address)
	if err != nil {
		r.err = err
		return
	}
	seen := map[string]bool{}
	for _, part := range known.parts {
		seen[part] = true
	}
	for ctx.Err() == nil {
		if err = r.follow(ctx, address, &known, seen); err != nil && ctx.Err() == nil {
			r.err = err
			r.failed++
			time.Sleep(100 * time.Millisecond)
			if _, again, err := r.find(ctx, address); err == nil {
				known = again
			}
		}
	}
}

func (r *reader) follow(ctx context.Context, address *url.URL, known *list, seen map[string]bool) error {
	next, err := r.reload(ctx, address, *known)
	if err != nil {
		return err
	}
	*known = next
	for _, part := range next.parts {
		if seen[part] {
			continue
		}
		seen[part] = true
		at, err := address.Parse(part)
		if err != nil {
			return err
		}
		if err := r.part(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

func readAll(o *options) (any, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: o.viewers}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var measured atomic.Bool
	var running sync.WaitGroup
	before := used(o.pid)
	all := make([]*reader, o.viewers)
	for place := range all {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		client := &http.Client{Transport: transport, Jar: jar, Timeout: 30 * time.Second}
		all[place] = &reader{client: client, header: o.header(place), measured: &measured}
		running.Add(1)
		go func() {
			defer running.Done()
			all[place].run(ctx, o.url)
		}()
		time.Sleep(o.ramp)
	}
	time.Sleep(o.settle)
	begin, own := used(o.pid), clock(self)
	measured.Store(true)
	time.Sleep(o.measured)
	measured.Store(false)
	stop := used(o.pid)
	found := readers{Cost: costOf(before, begin, stop, clock(self)-own), Errors: map[string]int{}}
	end()
	running.Wait()
	found.sum(all)
	return found, nil
}

func (f *readers) sum(all []*reader) {
	var bytes int64
	var reloads, newest, oldest []time.Duration
	for _, r := range all {
		if r.err != nil {
			f.Errors[fmt.Sprintf("%.120s", r.err)]++
		}
		if r.playlists > 0 {
			f.Readers++
		}
		f.Playlists += r.playlists
		f.Parts += r.parts
		f.Failed += r.failed
		f.Longest = max(f.Longest, r.longest)
		bytes += r.bytes
		reloads = append(reloads, r.reloads...)
		newest = append(newest, r.newest...)
		oldest = append(oldest, r.oldest...)
	}
	f.Bits = float64(bytes) * 8 / 1000 / f.Cost.Seconds / float64(max(f.Readers, 1))
	f.Reload, f.Newest, f.Oldest = spreadOf(reloads), spreadOf(newest), spreadOf(oldest)
}
