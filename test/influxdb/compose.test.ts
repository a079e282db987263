/** docker-compose.yml as Docker Compose's own loader understands it. Nothing is started. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Project {
  readonly services: Readonly<Record<string, Service>>;
}

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string }[];
  readonly healthcheck?: object;
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
}

async function load(): Promise<Project> {
  const { stdout } = await promisify(execFile)("go", ["run", ".", "../../docker-compose.yml"], {
    cwd: `${root}/tools/compose`,
  });
  return JSON.parse(stdout);
}

test("docker-compose.yml: images are pinned, ports are this machine's, every server tells its health", async () => {
  const { services } = await load();
  assert.deepEqual(Object.keys(services).sort(), ["grafana", "influxdb", "k6", "server"]);
  for (const [name, { image, ports, healthcheck }] of Object.entries(services)) {
    assert.match(image ?? "", /:\d+\.\d+\.\d+/, `${name}: a version, not a moving tag`);
    if (name !== "k6") assert.ok(healthcheck, name);
    for (const { host_ip, published } of ports ?? [])
      assert.equal(host_ip, "127.0.0.1", `${name}: ${published}`);
  }
});

test("docker-compose.yml: what is mounted is there, and Grafana reads what InfluxDB was set up with", async () => {
  const { services } = await load();
  for (const { volumes, build } of Object.values(services)) {
    if (build) assert.ok(existsSync(join(build.context, build.dockerfile)), build.dockerfile);
    for (const { type, source } of volumes ?? []) if (type === "bind") assert.ok(existsSync(source), source);
  }
  const { influxdb, grafana } = services;
  assert.equal(grafana!.environment.INFLUX_TOKEN, influxdb!.environment.DOCKER_INFLUXDB_INIT_ADMIN_TOKEN);
  const source = await readFile(`${root}/deploy/grafana/provisioning/datasources/influxdb.yaml`, "utf8");
  assert.equal(services.k6!.environment.INFLUX_TOKEN, grafana!.environment.INFLUX_TOKEN);
  assert.ok(source.includes(`dbName: ${influxdb!.environment.DOCKER_INFLUXDB_INIT_BUCKET}\n`), source);
});
