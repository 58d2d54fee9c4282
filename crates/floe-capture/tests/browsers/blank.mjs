// Blanks what dumpcap tells of the machine it ran on: the processor and the operating system in section and interface
// blocks of a pcapng file. Lengths stay.
import { readFileSync, writeFileSync } from 'node:fs';

const told = { 0x0a0d0d0a: { options: 24, codes: [2, 3] }, 1: { options: 16, codes: [12] } };
for (const path of process.argv.slice(2)) {
  const file = readFileSync(path);
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) {
    const block = told[file.readUInt32LE(at)];
    const end = at + file.readUInt32LE(at + 4) - 4;
    for (let option = at + block?.options; option < end; option += 4 + ((file.readUInt16LE(option + 2) + 3) & ~3)) {
      const length = file.readUInt16LE(option + 2);
      if (block.codes.includes(file.readUInt16LE(option))) file.fill(' ', option + 4, option + 4 + length);
    }
  }
  writeFileSync(path, file);
}
