package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// watched is what many viewers saw.
type watched struct {
	Cost     cost           `json:"cost"`
	Viewers  int            `json:"viewers"`
	Joins    cost           `json:"joins"`
	Packets  int64          `json:"packets"`
	Lost     int64          `json:"lost"`
	Bits     float64        `json:"kilobits_per_viewer"`
	Pictures int64          `json:"pictures"`
	Fewest   int64          `json:"fewest_pictures"`
	Delay    spread         `json:"delay"`
	Key      spread         `json:"first_key_frame"`
	LateKey  spread         `json:"late_first_key_frame"`
	Errors   map[string]int `json:"errors"`
}

// remembered is how many packets back a repeated one is known.
const remembered = 4_096

// line counts the packets of one track; those that repeat others, to measure the connection, do not count.
type line struct {
	begun         bool
	last          uint16
	extended      int64
	first         int64
	received      int64
	bytes         int64
	seen          [remembered]int64
	expectedUntil int64
	receivedUntil int64
	bytesUntil    int64
}

func (l *line) add(number uint16, bytes int) {
	if !l.begun {
		l.begun, l.last, l.extended, l.first = true, number, int64(number), int64(number)
	}
	// Packets that come late count, and do not move the last one.
	ahead := int64(int16(number - l.last))
	place := l.extended + ahead
	if ahead > 0 {
		l.extended, l.last = place, number
	}
	// Places count from 1 here, so that the memory's zeros are none of them.
	memory := &l.seen[uint64(place)%remembered]
	if *memory == place+1 {
		return
	}
	*memory = place + 1
	l.received++
	l.bytes += int64(bytes)
}

func (l *line) expected() int64 {
	return l.extended - l.first + 1
}

// rest notes what was there before the measured time.
func (l *line) rest() {
	l.expectedUntil, l.receivedUntil, l.bytesUntil = l.expected(), l.received, l.bytes
}

// viewer is one who watches.
type viewer struct {
	mutex    sync.Mutex
	lines    []*line
	asked    time.Time
	key      time.Duration
	delays   []time.Duration
	pictures int64
	measured bool
	shown    chan struct{}
	peer     *webrtc.PeerConnection
	session  string
	err      error
}

// room is where viewers come to.
type room struct {
	options *options
	api     *webrtc.API
	client  *http.Client
	next    atomic.Int64
}

// come lets a viewer in and waits for its first key frame.
func (r *room) come() *viewer {
	it := &viewer{shown: make(chan struct{})}
	header := r.options.header(int(r.next.Add(1) - 1))
	it.err = it.join(r, header)
	if it.err != nil {
		return it
	}
	select {
	case <-it.shown:
	case <-time.After(20 * time.Second):
		it.err = errors.New("no key frame within 20 s")
	}
	return it
}

func (it *viewer) join(r *room, header string) (err error) {
	if it.peer, err = r.api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err = it.peer.AddTransceiverFromKind(kind, direction); err != nil {
			return err
		}
	}
	it.peer.OnTrack(it.follow)
	sdp, err := offer(it.peer)
	if err != nil {
		return err
	}
	it.asked = time.Now()
	it.session, err = agree(r.client, r.options.url, header, it.peer, sdp)
	return err
}

// follow reads a track until it ends.
func (it *viewer) follow(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	go func() {
		buffer := make([]byte, 1_500)
		for {
			if _, _, err := receiver.Read(buffer); err != nil {
				return
			}
		}
	}()
	l := &line{}
	it.mutex.Lock()
	it.lines = append(it.lines, l)
	it.mutex.Unlock()
	buffer := make([]byte, 1_600)
	var header rtp.Header
	for {
		length, _, err := track.Read(buffer)
		if err != nil {
			return
		}
		now := time.Now()
		begin, err := header.Unmarshal(buffer[:length])
		if err != nil || begin == length {
			continue
		}
		it.mutex.Lock()
		l.add(header.SequenceNumber, length)
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			it.see(now, buffer[begin:length], header.Marker)
		}
		it.mutex.Unlock()
	}
}

func (it *viewer) see(now time.Time, payload []byte, last bool) {
	at, timed, key := packet(payload)
	if key && it.key == 0 {
		it.key = now.Sub(it.asked)
		close(it.shown)
	}
	if timed && it.measured {
		it.delays = append(it.delays, now.Sub(at))
	}
	if last && it.measured {
		it.pictures++
	}
}

// measure begins or ends the measured time.
func (it *viewer) measure(on bool) {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	it.measured = on
	if on {
		for _, l := range it.lines {
			l.rest()
		}
	}
}

// add puts what a viewer saw into the sums.
func (w *watched) add(it *viewer, delays, keys *[]time.Duration) {
	it.mutex.Lock()
	defer it.mutex.Unlock()
	if it.err != nil {
		w.Errors[fmt.Sprintf("%.120s", it.err)]++
		return
	}
	w.Viewers++
	*keys = append(*keys, it.key)
	*delays = append(*delays, it.delays...)
	for _, l := range it.lines {
		received := l.received - l.receivedUntil
		w.Packets += received
		w.Lost += l.expected() - l.expectedUntil - received
		w.Bits += float64(l.bytes-l.bytesUntil) * 8 / 1000
	}
	w.Pictures += it.pictures
	if w.Viewers == 1 || it.pictures < w.Fewest {
		w.Fewest = it.pictures
	}
}

// crowd lets many in, one after the other without waiting for each.
func (r *room) crowd(count int, ramp time.Duration) []*viewer {
	viewers := make([]*viewer, count)
	var coming sync.WaitGroup
	for place := range viewers {
		coming.Add(1)
		go func() {
			defer coming.Done()
			viewers[place] = r.come()
		}()
		time.Sleep(ramp)
	}
	coming.Wait()
	return viewers
}

func watch(o *options) (any, error) {
	api, err := engine(connected)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: o.viewers + o.late}
	r := &room{options: o, api: api, client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
	found := watched{Errors: map[string]int{}}
	before, own := used(o.pid), clock(self)
	viewers := r.crowd(o.viewers, o.ramp)
	joined := used(o.pid)
	found.Joins = costOf(before, before, joined, clock(self)-own)
	time.Sleep(o.settle)
	begin, own := used(o.pid), clock(self)
	for _, it := range viewers {
		it.measure(true)
	}
	time.Sleep(o.measured)
	for _, it := range viewers {
		it.measure(false)
	}
	end := used(o.pid)
	found.Cost = costOf(before, begin, end, clock(self)-own)
	var delays, keys, lateKeys []time.Duration
	for _, it := range viewers {
		found.add(it, &delays, &keys)
	}
	found.Bits /= max(float64(found.Viewers), 1) * found.Cost.Seconds
	// Those who come late are measured while they connect.
	if r.api, err = engine(connecting); err != nil {
		return nil, err
	}
	late := r.crowd(o.late, o.lateRamp)
	for _, it := range late {
		if it.err != nil {
			found.Errors[fmt.Sprintf("late: %.120s", it.err)]++
			continue
		}
		lateKeys = append(lateKeys, it.key)
	}
	found.Delay, found.Key, found.LateKey = spreadOf(delays), spreadOf(keys), spreadOf(lateKeys)
	for place, it := range append(viewers, late...) {
		if it.session != "" {
			leave(r.client, it.session, o.header(place))
		}
		if it.peer != nil {
			_ = it.peer.Close()
		}
	}
	return found, nil
}
