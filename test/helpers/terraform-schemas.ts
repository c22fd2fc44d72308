// What templates for Coder may say: the schemas of providers, as their documentation has them, as far as this project uses them.

/** A type as Terraform writes it in JSON. */
type Kind = "string" | "number" | "bool" | readonly ["list" | "set" | "map", Kind];

interface Attribute {
  readonly kind: Kind;
  readonly required?: true;
  readonly optional?: true;
  readonly computed?: true;
  readonly sensitive?: true;
}

/** Of a resource, a data source, or what stands inside of one. */
export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly blocks?: Readonly<Record<string, NestedBlock>>;
}

interface NestedBlock extends Block {
  readonly nesting: "list" | "set";
  readonly maxItems?: number;
}

interface Provider {
  readonly resources: Readonly<Record<string, Block>>;
  readonly dataSources: Readonly<Record<string, Block>>;
}

const required = (kind: Kind): Attribute => ({ kind, required: true });
const optional = (kind: Kind): Attribute => ({ kind, optional: true });
const computed = (kind: Kind): Attribute => ({ kind, computed: true });
const id: Attribute = { kind: "string", optional: true, computed: true };

// https://registry.terraform.io/providers/coder/coder/2.13.0/docs
const coder: Provider = {
  resources: {
    coder_agent: {
      attributes: {
        id,
        arch: required("string"),
        os: required("string"),
        api_key_scope: optional("string"),
        auth: optional("string"),
        connection_timeout: optional("number"),
        dir: optional("string"),
        env: optional(["map", "string"]),
        motd_file: optional("string"),
        order: optional("number"),
        shutdown_script: optional("string"),
        startup_script: optional("string"),
        startup_script_behavior: optional("string"),
        troubleshooting_url: optional("string"),
        init_script: computed("string"),
        token: { kind: "string", computed: true, sensitive: true },
      },
      blocks: {
        metadata: {
          nesting: "list",
          attributes: {
            key: required("string"),
            script: required("string"),
            interval: required("number"),
            display_name: optional("string"),
            order: optional("number"),
            timeout: optional("number"),
          },
        },
      },
    },
    coder_app: {
      attributes: {
        id,
        agent_id: required("string"),
        slug: required("string"),
        command: optional("string"),
        display_name: optional("string"),
        external: optional("bool"),
        group: optional("string"),
        hidden: optional("bool"),
        icon: optional("string"),
        open_in: optional("string"),
        order: optional("number"),
        share: optional("string"),
        subdomain: optional("bool"),
        tooltip: optional("string"),
        url: optional("string"),
      },
      blocks: {
        healthcheck: {
          nesting: "set",
          maxItems: 1,
          attributes: {
            interval: required("number"),
            threshold: required("number"),
            url: required("string"),
          },
        },
      },
    },
    coder_env: {
      attributes: {
        id,
        agent_id: required("string"),
        name: required("string"),
        value: optional("string"),
      },
    },
    coder_script: {
      attributes: {
        id,
        agent_id: required("string"),
        display_name: required("string"),
        script: required("string"),
        cron: optional("string"),
        icon: optional("string"),
        log_path: optional("string"),
        run_on_start: optional("bool"),
        run_on_stop: optional("bool"),
        start_blocks_login: optional("bool"),
        timeout: optional("number"),
      },
    },
  },
  dataSources: {
    coder_external_auth: {
      attributes: { id: required("string"), optional: optional("bool"), access_token: computed("string") },
    },
    coder_workspace: {
      attributes: {
        id: computed("string"),
        access_url: computed("string"),
        name: computed("string"),
        start_count: computed("number"),
      },
    },
    coder_workspace_owner: { attributes: { id: computed("string"), name: computed("string") } },
  },
};

// https://registry.terraform.io/providers/kreuzwerker/docker/3.6.2/docs
const docker: Provider = {
  resources: {
    docker_container: {
      attributes: {
        id,
        image: required("string"),
        name: required("string"),
        command: optional(["list", "string"]),
        entrypoint: optional(["list", "string"]),
        env: optional(["set", "string"]),
        hostname: optional("string"),
      },
      blocks: {
        host: { nesting: "set", attributes: { host: required("string"), ip: required("string") } },
        volumes: {
          nesting: "set",
          attributes: {
            container_path: optional("string"),
            volume_name: optional("string"),
            read_only: optional("bool"),
          },
        },
      },
    },
    docker_volume: { attributes: { id, name: optional("string") } },
  },
  dataSources: {},
};

/** By their names. */
export const PROVIDERS: Readonly<Record<string, Provider>> = { coder, docker };
