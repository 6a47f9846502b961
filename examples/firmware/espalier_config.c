/*
 * Fetches a device's configuration from Espalier, hears of changes, and says what became of them, with ESP-IDF 5
 * (esp_http_client, esp-mqtt, cJSON).
 *
 *   espalier_start("http://10.0.0.5:3201", "mqtt://10.0.0.5:1883", apply);
 *
 * calls apply with the document now, and again after each change. The retained topic tells a device that was off of
 * the change when it connects; the broadcast of older firmware does not. The task ends never; errors are tried again.
 *
 * What the server shows of the device comes of three things, each of which may be left out: If-None-Match proves that it has
 * the document (held), the report says that it runs it or cannot (applied, error), and the last will that it is there.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cJSON.h"
#include "esp_app_desc.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_random.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mqtt_client.h"

#define MAX_DOCUMENT (128 * 1024) /* MAX_CONTENT_BYTES of the server */

typedef bool (*espalier_apply)(const char *document, size_t size); /* false: it cannot be used, and the old one goes on */

static const char *TAG = "espalier";
static char s_url[128];    /* of the document */
static char s_report[128]; /* where to say what became of it */
static char s_topic[64];   /* that tells of changes to it */
static char s_state[64];   /* that says whether the device is there */
static char s_name[13];    /* the MAC address as 12 hex digits: who the device is to the broker */
static char s_etag[72];    /* of the document that is applied; keep it beside the document where that is kept in flash */
static espalier_apply s_apply;
static TaskHandle_t s_task;

static esp_err_t on_header(esp_http_client_event_t *event)
{
    if (event->event_id == HTTP_EVENT_ON_HEADER && strcasecmp(event->header_key, "ETag") == 0) {
        strlcpy(event->user_data, event->header_value, sizeof(s_etag));
    }
    return ESP_OK;
}

/* Says once what became of a document: 204 is that it is kept. The tag may bear its quotes, escaped for JSON. */
static void report(const char *etag, bool applied)
{
    cJSON *said = cJSON_CreateObject();
    cJSON_AddStringToObject(said, "etag", etag);
    cJSON_AddStringToObject(said, "status", applied ? "applied" : "error");
    cJSON_AddStringToObject(said, "firmware", esp_app_get_description()->version);
    if (!applied) { /* and, where it is known: "path":"/sensors/0/interval","message":"must be at most 3600" */
        cJSON_AddStringToObject(said, "code", "NOT_APPLIED");
    }
    char *text = cJSON_PrintUnformatted(said);
    cJSON_Delete(said);
    esp_http_client_config_t config = {.url = s_report, .method = HTTP_METHOD_POST, .timeout_ms = 10000};
    esp_http_client_handle_t client = text == NULL ? NULL : esp_http_client_init(&config);
    if (client != NULL) {
        esp_http_client_set_header(client, "Content-Type", "application/json");
        esp_http_client_set_post_field(client, text, strlen(text));
        if (esp_http_client_perform(client) != ESP_OK || esp_http_client_get_status_code(client) != 204) {
            ESP_LOGW(TAG, "the report was not taken");
        }
        esp_http_client_cleanup(client);
    }
    free(text);
}

/* Fetches once, on a connection of its own. What has not changed is answered 304, without a body. One that cannot be used
 * is not fetched again before it is changed. */
static bool fetch(void)
{
    char etag[sizeof(s_etag)] = "";
    esp_http_client_config_t config = {
        .url = s_url, .timeout_ms = 10000, .event_handler = on_header, .user_data = etag,
    };
    esp_http_client_handle_t client = esp_http_client_init(&config);
    if (client == NULL) {
        return false;
    }
    bool done = false, applied = false;
    char *text = NULL;
    if (s_etag[0] != '\0') {
        esp_http_client_set_header(client, "If-None-Match", s_etag);
    }
    if (esp_http_client_open(client, 0) != ESP_OK) {
        goto out;
    }
    int64_t size = esp_http_client_fetch_headers(client);
    int status = esp_http_client_get_status_code(client);
    if (status == 304) {
        done = true;
        goto out;
    }
    if (status != 200 || size <= 0 || size > MAX_DOCUMENT) {
        ESP_LOGW(TAG, "status %d, %" PRId64 " bytes", status, size);
        goto out;
    }
    text = malloc(size + 1);
    if (text == NULL || esp_http_client_read_response(client, text, size) != size) {
        goto out; /* a part of a document is no document */
    }
    text[size] = '\0';
    done = true;
    applied = s_apply(text, size);
    if (applied) {
        strlcpy(s_etag, etag, sizeof(s_etag));
    }
out:
    esp_http_client_cleanup(client);
    if (text != NULL && done) {
        report(etag, applied);
    }
    free(text);
    return done;
}

/* Waits to be told, then fetches until that succeeds. Being told twice meanwhile is being told once. */
static void run(void *unused)
{
    for (;;) {
        uint32_t wait = 500;
        while (!fetch()) {
            vTaskDelay(pdMS_TO_TICKS(wait + esp_random() % wait));
            wait = wait < 30000 ? wait * 2 : wait;
        }
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
}

/* The payload is {"rev":7,"etag":"…","size":612}; empty when the configuration was deleted. */
static void on_mqtt(void *unused, esp_event_base_t base, int32_t id, void *data)
{
    esp_mqtt_event_handle_t event = data;
    if (id == MQTT_EVENT_CONNECTED) {
        esp_mqtt_client_subscribe(event->client, s_topic, 1);
        esp_mqtt_client_publish(event->client, s_state, "online", 0, 1, 1);
        return;
    }
    if (id != MQTT_EVENT_DATA || event->data_len == 0) {
        return;
    }
    cJSON *told = cJSON_ParseWithLength(event->data, event->data_len);
    const char *etag = cJSON_GetStringValue(cJSON_GetObjectItem(told, "etag"));
    /* The header has the same text in quotes. */
    if (etag == NULL || strstr(s_etag, etag) == NULL) {
        xTaskNotifyGive(s_task);
    }
    cJSON_Delete(told);
}

esp_err_t espalier_start(const char *server, const char *broker, espalier_apply apply)
{
    uint8_t m[6];
    esp_err_t err = esp_read_mac(m, ESP_MAC_WIFI_STA);
    if (err != ESP_OK) {
        return err;
    }
    snprintf(s_url, sizeof(s_url), "%s/api/configs/%02x-%02x-%02x-%02x-%02x-%02x.json", server,
             m[0], m[1], m[2], m[3], m[4], m[5]);
    snprintf(s_name, sizeof(s_name), "%02x%02x%02x%02x%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    snprintf(s_report, sizeof(s_report), "%s/api/configs/%s/report", server, s_name);
    snprintf(s_topic, sizeof(s_topic), "iotsupport/devices/%s/config", s_name);
    snprintf(s_state, sizeof(s_state), "iotsupport/devices/%s/state", s_name);
    s_apply = apply;
    if (xTaskCreate(run, "espalier", 6144, NULL, 5, &s_task) != pdPASS) {
        return ESP_ERR_NO_MEM;
    }
    esp_mqtt_client_config_t config = {
        .broker.address.uri = broker,
        .credentials.client_id = s_name,
        .session.last_will = {.topic = s_state, .msg = "offline", .qos = 1, .retain = 1},
        .session.keepalive = 30, /* the broker says offline after one and a half times as many seconds of silence */
        .session.protocol_ver = MQTT_PROTOCOL_V_5, /* CONFIG_MQTT_PROTOCOL_5=y; 3.1.1 is served too */
    };
    esp_mqtt_client_handle_t client = esp_mqtt_client_init(&config);
    if (client == NULL) {
        return ESP_ERR_NO_MEM;
    }
    esp_mqtt_client_register_event(client, MQTT_EVENT_ANY, on_mqtt, NULL);
    return esp_mqtt_client_start(client);
}
