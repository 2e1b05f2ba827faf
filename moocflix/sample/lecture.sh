#!/usr/bin/env bash
# Makes a sample lecture, a minute of slides with a clock and a soft tone: lecture.sh welcome|teaching OUT.mp4
set -euo pipefail
deck=${1:?which lecture} out=${2:?where to put it}
font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
bold=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf

# title | three lines, ten seconds each
case $deck in
  welcome) slides=(
    "Welcome to MoocFlix|A lecture can be watched|within a second of its last byte.|This one was uploaded at your first start."
    "Upload|Every acknowledged byte is safe.|An interrupted upload resumes|where it was, even on another device."
    "Instant play|H.264 and AAC are cut just in time.|No copy of the media is written,|however long the lecture is."
    "Access|Exactly the people you choose can watch.|Every request is checked|before any cache is used."
    "Delete|One click, and it is gone\\:|no more bytes are served,|and the stored files are deleted."
    "That is all|The next lecture shows|how to teach with MoocFlix.|Enjoy."
  ) ;;
  teaching) slides=(
    "Your first course|Sign in as the instructor|and create a course.|This lecture is in one already."
    "The outline|A course has modules,|and modules have lectures.|Drag them into order, or use the keyboard."
    "Who may join|Everyone, those who have a code,|or those whom you enrol\\:|choose it for each course."
    "Progress|Learners resume where they stopped.|You see who is enrolled|and how far they are."
    "Share|A single lecture can also be shared|with everyone who is signed in,|or by a link that you can take back."
    "Now it is your turn|Upload a lecture of your own,|add it to a course,|and publish the course."
  ) ;;
  *) echo "lecture.sh: unknown lecture $deck" >&2; exit 2 ;;
esac
colours=(0x1f6feb 0x2da44e 0xbf8700 0xcf222e 0x8250df 0x1b7c83)

text() { # text FILE FONT SIZE Y COLOUR WHEN
  printf "drawtext=fontfile=%s:textfile=%s:fontsize=%s:x=96:y=%s:fontcolor=%s:enable='%s'," "$2" "$1" "$3" "$4" "$5" "$6"
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
graph=
for n in "${!slides[@]}"; do
  when="gte(t,$((n * 10)))*lt(t,$((n * 10 + 10)))"
  IFS='|' read -r title one two three <<<"${slides[$n]}"
  graph+="drawbox=x=0:y=0:w=32:h=ih:color=${colours[$n]}:t=fill:enable='$when',"
  graph+="drawbox=x=96:y=238:w=160:h=8:color=${colours[$n]}:t=fill:enable='$when',"
  y=150 size=60 face=$bold colour=0x1f2328
  for line in "$title" "$one" "$two" "$three"; do
    file=$scratch/$n-$y
    printf '%s' "${line//\\/}" >"$file"
    graph+=$(text "$file" "$face" "$size" "$y" "$colour" "$when")
    [ "$y" = 150 ] && y=300 || y=$((y + 72))
    size=40 face=$font colour=0x57606a
  done
done
graph+="drawtext=fontfile=$font:text='%{pts\\:hms}':fontsize=32:x=w-260:y=h-70:fontcolor=0x8c959f,"
graph+="drawbox=x=0:y=ih-12:w=iw:h=12:color=0xd0d7de:t=fill[page];"
graph+="color=c=0x1f6feb:s=1280x12:r=25[bar];[page][bar]overlay=x='-w+w*t/60':y=H-h:shortest=1,format=yuv420p[v];"
graph+="[1:a]tremolo=f=0.2:d=0.6,volume=0.08,pan=stereo|c0=c0|c1=c0[a]"

ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i "color=c=0xffffff:s=1280x720:r=25:d=60" \
  -f lavfi -i "aevalsrc='sin(2*PI*220*t)+sin(2*PI*277.18*t)+sin(2*PI*329.63*t):s=48000:d=60'" \
  -filter_complex "$graph" -map '[v]' -map '[a]' -t 60 \
  -c:v libx264 -preset veryfast -crf 23 -g 100 -profile:v high -c:a aac -b:a 96k -movflags +faststart -f mp4 "$out.part"
mv "$out.part" "$out"
