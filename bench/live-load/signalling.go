package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// How often a peer looks at its checks of ICE and sends one: a browser does so every 50 ms while it connects, and every two
// seconds then. A peer here has one interval for both; with the longer one, it connects with looks every 200 ms.
const (
	connecting = 50 * time.Millisecond
	connected  = 2 * time.Second
)

// engine makes peers that behave as browsers do, on loopback alone.
func engine(checks time.Duration) (*webrtc.API, error) {
	media, chain := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if err := webrtc.RegisterDefaultInterceptors(media, chain); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	// The checks are looked at as often as the shortest of these times says, which is the one for failures.
	settings.SetICETimeouts(20*time.Second, checks, connected)
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(chain),
		webrtc.WithSettingEngine(settings),
	), nil
}

// offer makes an offer with all candidates in it.
func offer(peer *webrtc.PeerConnection) (string, error) {
	made, err := peer.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(made); err != nil {
		return "", err
	}
	<-gathered
	return peer.LocalDescription().SDP, nil
}

// agree sends an offer by WHIP or WHEP and takes the answer; returns the address of the session.
func agree(client *http.Client, url, header string, peer *webrtc.PeerConnection, sdp string) (string, error) {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(sdp))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/sdp")
	if header != "" {
		request.Header.Set("Authorization", header)
	}
	reply, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return "", err
	}
	if reply.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%s: %.200s", reply.Status, body)
	}
	session, err := reply.Location()
	if err != nil {
		return "", err
	}
	answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)}
	return session.String(), peer.SetRemoteDescription(answer)
}

// leave ends a session, as far as that works.
func leave(client *http.Client, session, header string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, session, nil)
	if err != nil {
		return
	}
	if header != "" {
		request.Header.Set("Authorization", header)
	}
	if reply, err := client.Do(request); err == nil {
		_ = reply.Body.Close()
	}
}
