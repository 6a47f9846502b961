/** Of a device. */
export const HistoryTab = () => <p>HistoryTab</p>;
