// A service of the usual kind that answers what MoocFlix answers, for bench/backends.
//
//   GET /api/v1/content/:id              a lecture: from Redis, or from PostgreSQL and then kept in Redis for five minutes
//   GET /api/v1/content/:id?uncached=1   a lecture from PostgreSQL
//   GET /api/v1/content/:id/stream       checks the enrolment, stores a session, and signs its token with Ed25519
//
// DATABASE_URL, REDIS_URL and SECRET (of the bearers, HS256). Prints its port.
import { createSecretKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import express from 'express';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import pg from 'pg';

// A key that is made once: of a text, jsonwebtoken would find out at each call what kind of key it is.
const secret = createSecretKey(Buffer.from(process.env.SECRET));
const { privateKey } = generateKeyPairSync('ed25519');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });
const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });
const app = express();
app.disable('x-powered-by');
app.set('etag', false);

const lecture = {
  name: 'lecture',
  text: `SELECT l.id, l.owner_id, l.title, l.description, l.status, l.duration, l.bytes, l.filename, l.created_at, l.updated_at,
    (SELECT json_agg(json_build_object('name', r.name, 'codecs', r.codecs, 'width', r.width, 'height', r.height,
      'bit_rate', r.bit_rate) ORDER BY r.height) FROM peer.renditions r WHERE r.lecture_id = l.id) AS renditions
    FROM peer.lectures l WHERE l.id = $1`,
};
const entitled = {
  name: 'entitled',
  text: `SELECT 1 FROM peer.lectures l JOIN peer.courses c ON c.id = l.course_id JOIN peer.members m ON m.course_id = c.id
    WHERE l.id = $1 AND m.user_id = $2 AND c.status = 'published'`,
};
const opened = {
  name: 'opened',
  text: 'INSERT INTO peer.sessions (id, lecture_id, user_id, expires_at) VALUES ($1, $2, $3, $4)',
};
const isId = /^[0-9a-f-]{36}$/;

function bearer(request, response, next) {
  const { authorization } = request.headers;
  try {
    request.user = jwt.verify(authorization.slice('Bearer '.length), secret, { algorithms: ['HS256'] }).sub;
  } catch {
    response.status(401).json({ code: 'unauthenticated' });
    return;
  }
  if (isId.test(request.params.id)) next();
  else response.status(404).json({ code: 'video_not_found' });
}

app.get('/api/v1/content/:id', bearer, async (request, response) => {
  const { id } = request.params;
  const isCached = request.query.uncached === undefined;
  const kept = isCached ? await redis.get(`peer:${id}`) : null;
  if (kept !== null) {
    response.type('application/json').send(kept);
    return;
  }
  const { rows } = await pool.query({ ...lecture, values: [id] });
  if (rows.length === 0) {
    response.status(404).json({ code: 'video_not_found' });
    return;
  }
  const document = JSON.stringify(rows[0]);
  if (isCached) await redis.set(`peer:${id}`, document, 'EX', 300);
  response.type('application/json').send(document);
});

app.get('/api/v1/content/:id/stream', bearer, async (request, response) => {
  const { id } = request.params;
  const { rows } = await pool.query({ ...entitled, values: [id, request.user] });
  if (rows.length === 0) {
    response.status(403).json({ code: 'not_entitled' });
    return;
  }
  const session = randomUUID();
  const expires = new Date(Date.now() + 15 * 60_000);
  await pool.query({ ...opened, values: [session, id, request.user, expires] });
  const claims = Buffer.from(JSON.stringify({ session, video: id, user: request.user, expires }));
  const token = `${claims.toString('base64url')}.${sign(null, claims, privateKey).toString('base64url')}`;
  response.set('Cache-Control', 'no-store').json({
    session_id: session,
    hls_url: `/p/${token}/${id}/index.m3u8`,
    expires_at: expires,
    heartbeat_url: `/p/${token}/${id}/heartbeat`,
    heartbeat_interval: 30,
  });
});

const server = app.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
