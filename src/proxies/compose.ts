import { nginx } from './nginx.ts'
import type { ConfigFiles } from './options.ts'

/** ZeroID, its database, the gate, nginx before it, and an echo in your service's place. */
export function compose(): ConfigFiles {
  const proxy = nginx({
    gate: { host: 'gate', port: 8900 },
    backend: { host: 'backend', port: 8080 },
    listen: { host: '', port: 8000 },
  })
  return {
    'compose.yml': text,
    'compose/zeroid-gate.conf': proxy['zeroid-gate.conf'] ?? '',
  }
}

const text = `# ZeroID, Postgres, the gate, and nginx before an echo backend: docker compose -f deploy/compose.yml up
# For trying it out: passwords stand in this file, and ZeroID runs in development mode. ZeroID's own
# README tells how to make the keys in deploy/keys.
name: zeroid-gate

services:
  postgres:
    image: postgres:16-alpine
    environment:
      POSTGRES_USER: zeroid
      POSTGRES_PASSWORD: zeroid
      POSTGRES_DB: zeroid
    volumes:
      - postgres:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U zeroid -d zeroid"]
      interval: 2s
      timeout: 3s
      retries: 15

  zeroid:
    # ZeroID publishes no image: built from its source.
    build: https://github.com/highflame-ai/zeroid.git
    environment:
      ZEROID_DATABASE_URL: postgres://zeroid:zeroid@postgres:5432/zeroid?sslmode=disable
      ZEROID_ENV: development
    volumes:
      - ./keys:/keys:ro
    command: ["/zeroid", "-config", "/etc/zeroid/zeroid.yaml"]
    ports:
      - 127.0.0.1:8899:8899
    depends_on:
      postgres:
        condition: service_healthy

  gate:
    build: ..
    environment:
      ZEROID_URL: http://zeroid:8899
      GATE_LISTEN: 0.0.0.0:8900
      # GATE_POLICY_FILE: /etc/zeroid-gate/policy.yaml
    # Rules per route, such as policy.yaml beside this file. An editor that puts a new file in its
    # place needs "docker compose restart gate"; one that writes into it does not.
    # volumes:
    #   - ./policy.yaml:/etc/zeroid-gate/policy.yaml:ro
    # Only the proxy reaches the gate: no port is published.
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    depends_on:
      - zeroid

  # Your service in its place.
  backend:
    build: ..
    command: ["doctor", "--echo", "0.0.0.0:8080"]
    healthcheck:
      disable: true
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]

  proxy:
    image: nginx:1.28-alpine
    volumes:
      - ./compose/zeroid-gate.conf:/etc/nginx/conf.d/default.conf:ro
    ports:
      - 8000:8000
    depends_on:
      gate:
        condition: service_healthy
      backend:
        condition: service_started

volumes:
  postgres:
`
