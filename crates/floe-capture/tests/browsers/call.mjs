// A call between two Chromiums, one in namespace "a" and one in "b": connect, restart ICE, hang up; prints what getStats
// of both says, once before the restart and once before the end.
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kind = process.argv[2];
const turn = (transport) => ({
  urls: `turn:203.0.113.40:3478?transport=${transport}`, username: 'floe', credential: 'a-password-for-the-lab',
});
const configurations = {
  direct: [{ iceServers: [{ urls: 'stun:203.0.113.40:3478' }] }, { iceServers: [{ urls: 'stun:203.0.113.40:3478' }] }],
  relay: [{ iceServers: [turn('udp')], iceTransportPolicy: 'relay' }, { iceServers: [] }],
  'turn-tcp': [{ iceServers: [turn('tcp')], iceTransportPolicy: 'relay' }, { iceServers: [] }],
};

const page = `<!doctype html><script>
const log = [];
let pc;
async function start(configuration) {
  pc = new RTCPeerConnection(configuration);
  window.candidates = [];
  window.states = [];
  pc.onicecandidate = ({ candidate }) => candidate && window.candidates.push(candidate.toJSON());
  pc.oniceconnectionstatechange = () => window.states.push([Date.now(), pc.iceConnectionState]);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
}
async function offer(options) { pc.createDataChannel('any'); await pc.setLocalDescription(await pc.createOffer(options)); return pc.localDescription.sdp; }
async function answer(sdp) { await pc.setRemoteDescription({ type: 'offer', sdp }); await pc.setLocalDescription(await pc.createAnswer()); return pc.localDescription.sdp; }
async function answered(sdp) { await pc.setRemoteDescription({ type: 'answer', sdp }); }
async function add(list) { for (const candidate of list) await pc.addIceCandidate(candidate); }
async function stats() { return [...(await pc.getStats()).values()].filter(({ type }) => /candidate|transport|bound-rtp/.test(type)); }
</script>`;

class Browser {
  constructor(host) {
    this.host = host;
    const folder = mkdtempSync(join(tmpdir(), `floe-${host}-`));
    writeFileSync(join(folder, 'page.html'), page);
    this.url = `file://${join(folder, 'page.html')}`;
    this.child = spawn('ip', ['netns', 'exec', host, 'chromium', '--headless=new', '--no-sandbox', '--disable-gpu',
      '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--no-first-run',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--allow-file-access-from-files',
      '--disable-features=WebRtcHideLocalIpsWithMdns', `--user-data-dir=${join(folder, 'profile')}`,
      '--remote-debugging-pipe', 'about:blank'], { stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] });
    this.waiting = new Map();
    this.number = 0;
    let text = '';
    this.child.stdio[4].on('data', (data) => {
      text += data;
      for (let end; (end = text.indexOf('\0')) >= 0; text = text.slice(end + 1)) {
        const message = JSON.parse(text.slice(0, end));
        if (!this.waiting.has(message.id)) continue;
        this.waiting.get(message.id)(message);
        this.waiting.delete(message.id);
      }
    });
  }
  send(method, params = {}) {
    const id = ++this.number;
    this.child.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.session }) + '\0');
    return new Promise((resolve, reject) => this.waiting.set(id, ({ result, error }) => error ? reject(new Error(JSON.stringify(error))) : resolve(result)));
  }
  async open() {
    const { targetId } = await this.send('Target.createTarget', { url: this.url });
    this.session = (await this.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    await this.until('typeof start === "function"');
  }
  async run(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails) throw new Error(`${this.host}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }
  call(name, ...values) { return this.run(`${name}(${values.map((value) => JSON.stringify(value)).join(', ')})`); }
  async until(expression) {
    for (let tries = 0; tries < 300; tries++) {
      if (await this.run(expression)) return;
      await sleep(100);
    }
    throw new Error(`${this.host}: never ${expression}`);
  }
}
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const [a, b] = ['a', 'b'].map((host) => new Browser(host));
try {
  await Promise.all([a.open(), b.open()]);
  const [ours, theirs] = configurations[kind];
  await Promise.all([a.call('start', ours), b.call('start', theirs)]);
  const exchange = async (options) => {
    // Candidates of the generation before stay with it.
    await Promise.all([a.run('window.candidates.length = 0'), b.run('window.candidates.length = 0')]);
    await a.call('answered', await b.call('answer', await a.call('offer', options)));
    const done = 'pc.iceGatheringState === "complete"';
    await Promise.all([a.until(done), b.until(done)]);
    const [from_a, from_b] = await Promise.all([a.run('window.candidates'), b.run('window.candidates')]);
    await Promise.all([a.call('add', from_b), b.call('add', from_a)]);
    await Promise.all([a, b].map((browser) => browser.until('/connected|completed/.test(pc.iceConnectionState)')));
    await sleep(2300);
    return { candidates: [from_a, from_b], stats: await Promise.all([a.call('stats'), b.call('stats')]) };
  };
  const generations = [await exchange({}), await exchange({ iceRestart: true })];
  const states = await Promise.all([a.run('window.states'), b.run('window.states')]);
  await Promise.all([a.run('pc.close()'), b.run('pc.close()')]);
  await sleep(300);
  console.log(JSON.stringify({ kind, generations, states }, null, 1));
} finally {
  for (const browser of [a, b]) browser.child.kill();
  process.exit(process.exitCode ?? 0);
}
