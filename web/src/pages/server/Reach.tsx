import { Copy } from "lucide-react";
import type { components } from "../../api/schema.gen";
import { base } from "../../api/session";
import { IconButton } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Notice } from "../../ui/Notice";
import css from "./Reach.module.css";
import { brokerAddress } from "./reach";

/** Where devices reach the server, and the broker, to be written into firmware. */
export const Reach = ({ server }: { server: components["schemas"]["Server"] }) => {
  const broker = brokerAddress(server, base.href);
  const urls = server.device_urls.length ? server.device_urls : [base.href];
  return (
    <div className={css.reach}>
      <dl className={css.list}>
        <dt>Document</dt>
        {urls.map((url) => (
          <Address key={url} text={`${url}api/configs/<mac>.json`} what="Device URL" />
        ))}
        {broker && (
          <>
            <dt>Message of a change</dt>
            <Address text={broker.url} what="MQTT address" />
            <Address text={`${server.broker.topic_prefix}/devices/<12 hex>/config`} what="Topic" />
          </>
        )}
      </dl>
      {!server.device_urls.length && (
        <Notice kind="warn" title="Only programs on this machine reach the server">
          <p>
            It listens on its own machine alone. Start it without <code>HOST</code>, or with the address of a network
            card, to let devices in; behind a proxy, give devices the proxy's address.
          </p>
        </Notice>
      )}
      {broker?.local && server.device_urls.length > 0 && (
        <Notice kind="warn" title="Only programs on this machine reach the broker">
          <p>
            Set <code>MQTT_LISTEN</code> to <code>:1883</code> to let devices in.
          </p>
        </Notice>
      )}
      {!broker && (
        <Notice title="There is no broker">
          <p>Devices learn of a change when they ask next. Set MQTT_LISTEN or MQTT_URL to have them told.</p>
        </Notice>
      )}
    </div>
  );
};

const Address = ({ text, what }: { text: string; what: string }) => (
  <dd>
    <code>{text}</code>
    <IconButton
      size="s"
      label={`Copy ${what.toLowerCase()} ${text}`}
      icon={<Copy />}
      onClick={() => void copy(text, what)}
    />
  </dd>
);
