import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Failure } from "../../api/client";
import { queries, serverQuery } from "../../api/queries";
import { useAttempt } from "../../api/useAttempt";
import { useSending } from "../../api/useSending";
import { create } from "../../api/write";
import { useShortcuts } from "../../app/shortcuts";
import { blocksSaving, checkDocument } from "../../editor/checks";
import type { EditorHandle } from "../../editor/Editor";
import { LazyEditor } from "../../editor/LazyEditor";
import { Button } from "../../ui/Button";
import { byKeys } from "../../ui/byKeys";
import { Notice } from "../../ui/Notice";
import { Card } from "../../ui/Page";
import { toast } from "../../ui/Toast";
import { MacField, useFreeMac } from "../actions/MacField";
import { MessageField } from "../actions/MessageField";
import { Leave } from "../Leave";
import { useKeeping } from "../useKeeping";
import { draftOf } from "./draft";
import css from "./NewForm.module.css";
import { documentProblems, macRefusal } from "./refusal";
import { StartFrom } from "./StartFrom";

interface Props {
  /** The MAC address of the device that this begins as a copy of; null for none. */
  from: string | null;
  /** The document to begin with. */
  initial: string;
  /** What the copied document says of itself, and the new one probably should not. */
  copied?: { name: string | null; entity: string | null };
}

const toFirstField = () => document.querySelector<HTMLInputElement>("#new-config input")?.focus();

/** Takes the MAC address and the document of a new configuration, and makes it. */
export const NewForm = ({ from, initial, copied }: Props) => {
  const navigate = useNavigate();
  const { data: server } = useQuery(serverQuery);
  const draft = useMemo(() => draftOf(from), [from]);
  const [kept] = useState(() => draft.read(initial));
  const [mac, setMac] = useState(kept?.mac ?? "");
  const [text, setText] = useState(kept?.text ?? initial);
  const [restored, setRestored] = useState(kept !== null);
  const [message, setMessage] = useState("");
  const [tried, setTried] = useState(false);
  const [lost, setLost] = useState(false);
  const attempt = useAttempt();
  const { busy, failure, forget, send } = useSending();
  const editor = useRef<EditorHandle>(null);
  const made = useRef(false);
  const thrown = useRef(false); // away, as it is
  const wanted = useFreeMac(mac);
  const dirty = mac !== "" || text !== initial;

  const keep = useKeeping(() => {
    if (made.current || thrown.current) return;
    if (!dirty) draft.drop();
    setLost(dirty && !draft.write({ mac, text }));
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is kept is another
  useEffect(() => {
    thrown.current = false;
    keep();
  }, [keep, mac, text]);

  const maxBytes = server?.max_content_bytes;
  const wrong = () => blocksSaving(checkDocument(text, maxBytes === undefined ? {} : { maxBytes }));
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    setTried(true);
    if (busy || made.current) return;
    const { mac: to, free } = wanted;
    if (!to || !free) return toFirstField();
    if (wrong()) return editor.current?.showError();
    const failed = await send(async () => {
      const config = await attempt(`${to} ${text}`, { message }, (at) => create(to, text, at));
      made.current = true;
      draft.drop();
      toast({ title: `${config.device_name || config.mac_address} was created` });
      void navigate({ to: "/devices/$id", params: { id: config.id } });
    });
    if (failed?.status === 409 || failed?.status === 412) void queries.invalidateQueries({ queryKey: ["holder"] });
  };
  useShortcuts({ "mod+s": () => void submit() });
  const more = useMemo(() => (failure ? (now: string) => documentProblems(failure, now) : undefined), [failure]);
  const put = (next: string) => {
    forget();
    setText(next);
  };
  const startOver = (event: MouseEvent) => {
    if (byKeys(event)) toFirstField();
    setRestored(false);
    setMac("");
    put(initial);
    editor.current?.replace(initial, false);
    draft.drop();
  };
  return (
    <form id="new-config" className={css.form} onSubmit={(event) => void submit(event)} noValidate>
      {restored && (
        <Notice
          title="You had begun this one"
          action={
            <Button size="s" onClick={startOver}>
              Start over
            </Button>
          }
        >
          <p>It is as you left it in this browser.</p>
        </Notice>
      )}
      <Card title="Device">
        <MacField
          label="MAC address"
          value={mac}
          onChange={(next) => {
            forget();
            setMac(next);
          }}
          hint="It is on the module's label. esptool prints it when it flashes, and firmware prints it at its start; your router lists those that are connected."
          refused={failure ? macRefusal(failure) : tried && !mac ? "Say which device it is for" : undefined}
          autoFocus
        />
      </Card>
      <Card title="Document">
        {from === null && (
          <StartFrom
            onFile={(next, named) => {
              put(next);
              editor.current?.replace(next, true);
              if (named && !mac) setMac(named);
            }}
          />
        )}
        {copied && (copied.entity || copied.name) && (
          <Notice kind="warn">
            <p>
              Name and entity id are those of the other device{copied.entity ? ` (${copied.entity})` : ""}. Change them,
              or two devices answer to the same.
            </p>
          </Notice>
        )}
        <div className={css.editor}>
          <LazyEditor
            ref={editor}
            initial={text}
            onChange={put}
            label="Document"
            {...(more ? { more } : {})}
            {...(maxBytes ? { maxBytes } : {})}
          />
        </div>
      </Card>
      {lost && (
        <Notice kind="warn" title="What you write cannot be kept in this browser">
          <p>Create it before you close this page, or it is lost.</p>
        </Notice>
      )}
      {failure && <WhyNot failure={failure} />}
      <Card>
        <MessageField value={message} onChange={setMessage} example="Such as: the one for the new greenhouse" />
        <Button type="submit" kind="primary" busy={busy}>
          Create configuration
        </Button>
      </Card>
      <Leave
        title="Leave without creating it?"
        unsaved={() => dirty && !made.current}
        leaves={() => true}
        keep={keep}
        kept={!lost}
        discard={() => {
          thrown.current = true;
          draft.drop();
        }}
      />
    </form>
  );
};

const WhyNot = ({ failure }: { failure: Failure }) => (
  <Notice kind="danger" title="It was not created">
    <p>{failure.fields.map(({ field, message }) => `${field} ${message}`).join("; ") || failure.message}</p>
    {failure.detail && <p>{failure.detail}</p>}
  </Notice>
);
